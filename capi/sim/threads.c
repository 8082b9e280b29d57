/* threads.c - what the threads of a run do, where they stand, and whom they wait for. */
#include "capi/sim/report.h"

#include <stdio.h>
#include <string.h>

#include "capi/sim/internal.h"
#include "capi/sim/user.h"

/* The frames of one thread: first what the library does for the user, then the user's own. */
struct place {
    const char *call;  /* the function of the library that the user has called; NULL: none */
    uint32_t from, to; /* the user's frames; none if equal */
};

static struct place place_of(const struct tpps_view *view)
{
    struct place place = {0};
    uint32_t at = 0;
    while (at < view->frames && tpps_is_library((char *)view->pcs[at] - 1))
        at++;
    if (at > 0 && at < view->frames)
        place.call = tpps_symbol((char *)view->pcs[at - 1] - 1);
    place.from = at;
    while (at < view->frames && !tpps_is_library((char *)view->pcs[at] - 1))
        at++;
    place.to = at;
    return place;
}

static void say_frame(struct tpi_sim_text *text, const void *pc)
{
    char place[160];
    tpi_user_place(pc, place, sizeof place);
    tpi_sim_say(text, "%s", place);
}

/* Calls that the scenario makes to say something, not to have something done. */
static bool is_point(const char *call)
{
    return call == NULL || strcmp(call, "tp_sim_point") == 0 || strncmp(call, "tpps_", 5) == 0 ||
           strncmp(call, "__tsan_", 7) == 0;
}

/* Its name, and the callback that it runs: true if it does. */
static bool say_thread(struct tpi_sim_text *text, const struct tpps_view *view)
{
    size_t before = text->used;
    tpi_sim_say(text, "\"%s\" (in ", view->name);
    if (tpi_sim_say_callback(text, view->local)) {
        tpi_sim_say(text, ")");
        return true;
    }
    text->used = before;
    tpi_sim_say(text, "\"%s\"", view->name);
    return false;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void say_target(struct tpi_sim_text *text, const struct tpps_view *view)
{
    char thing[160];
    struct tpps_view other;
    if (view->joins != 0) {
        for (uint32_t i = 0; tpps_view(i, &other); i++)
            if (other.id == view->joins)
                tpi_sim_say(text, " for thread \"%s\"", other.name);
    } else if (view->thing != NULL) {
        tpi_user_tell(view->thing, thing, sizeof thing);
        tpi_sim_say(text, " for %s", thing);
    } else if (view->called != NULL) {
        tpi_sim_say(text, " for ");
        tpi_sim_say_label(text, view->called);
    }
}

static void say_what(struct tpi_sim_text *text, const struct tpps_view *view,
                     const struct place *place)
{
    bool idle = place->from == view->frames;
    if (idle && view->asleep)
        tpi_sim_say(text, "has nothing to do");
    else if (idle)
        tpi_sim_say(text, "looks for work");
    else if (view->sleeps)
        tpi_sim_say(text, "sleeps in %s", place->call);
    else if (view->asleep) {
        tpi_sim_say(text, "waits");
        say_target(text, view);
        tpi_sim_say(text, " in %s", place->call != NULL ? place->call : "?");
    } else if (view->here)
        tpi_sim_say(text, "runs: the failure is here");
    else
        tpi_sim_say(text, "could go on");
    if (!idle && view->asleep && view->deadline != TPP_FOREVER)
        tpi_sim_say(text, ", for %lld ns more", (long long)(view->deadline - tpps_now()));
}

/* The thread that looks after pools is none of the user's. */
static bool told_of(const struct tpps_view *view)
{
    return view->alive && strcmp(view->name, "tp-gate") != 0;
}

void tpi_sim_say_threads(struct tpi_sim_text *text)
{
    struct tpps_view view;
    for (uint32_t i = 0; tpps_view(i, &view); i++) {
        struct place place;
        if (!told_of(&view))
            continue;
        place = place_of(&view);
        tpi_sim_say(text, "  ");
        (void)say_thread(text, &view);
        tpi_sim_say(text, " ");
        say_what(text, &view, &place);
        tpi_sim_say(text, "\n");
        for (uint32_t k = place.from; k < place.to; k++) {
            tpi_sim_say(text, "      ");
            say_frame(text, view.pcs[k]);
            tpi_sim_say(text, "\n");
        }
    }
}

void tpi_sim_say_waiting(struct tpi_sim_text *text)
{
    const char *between = "";
    struct tpps_view view;
    for (uint32_t i = 0; tpps_view(i, &view); i++) {
        struct place place;
        if (!told_of(&view) || !view.asleep)
            continue;
        place = place_of(&view);
        if (place.from == view.frames)
            continue;
        tpi_sim_say(text, "%s", between);
        (void)say_thread(text, &view);
        tpi_sim_say(text, " ");
        say_what(text, &view, &place);
        between = "; ";
    }
}

/* ---- decisions ------------------------------------------------------------------------------- */

static void say_where(struct tpi_sim_text *text, const struct tpps_view *view)
{
    struct place place = place_of(view);
    bool inside = say_thread(text, view);
    if (place.from == place.to) {
        tpi_sim_say(text, inside ? ", as that begins or ends" : ", which is in no callback");
        return;
    }
    tpi_sim_say(text, " in ");
    say_frame(text, view->pcs[place.from]);
    if (!is_point(place.call))
        tpi_sim_say(text, ", at its call of %s", place.call);
}

static bool say_choice(struct tpi_sim_text *text, const struct tpps_view *view)
{
    const char *call = place_of(view).call;
    if (call == NULL || strcmp(call, "tp_sim_choose") != 0)
        return false;
    tpi_sim_say(text, ", which gives ");
    return true;
}

void tpi_sim_say_decision(struct tpi_sim_text *text, const struct tpps_decision *decision)
{
    struct tpps_view view, next;
    if (!tpps_view(decision->fiber, &view))
        return;
    say_where(text, &view);
    if (decision->kind == TPPS_KIND_SCHEDULE && tpps_view(decision->value, &next)) {
        tpi_sim_say(text, ": \"%s\" goes on", next.name);
        if (next.frames == 0 || place_of(&next).from == next.frames)
            return;
        tpi_sim_say(text, ", in ");
        say_frame(text, next.pcs[place_of(&next).from]);
    } else if (decision->kind == TPPS_KIND_EARLY)
        tpi_sim_say(text, ": time passes until the next deadline");
    else if (say_choice(text, &view))
        tpi_sim_say(text, "%u", decision->value);
    else
        tpi_sim_say(text, ": the machine does what it rarely does (%u)", decision->value);
}
