/* report.c - what is told of a run that failed, and at the end of one that left something open. */
#include "capi/sim/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "capi/sim/internal.h"

#define DEADLOCK "deadlock: "
#define UNNAMED DEADLOCK "nobody can run"
#define TEXT_SIZE 65536u
#define STEPS_SIZE 32768u

/* Of the run that failed last while somebody listened. */
static char message[TPPS_MESSAGE_SIZE], scene[TEXT_SIZE], steps[STEPS_SIZE];
static struct tpi_sim_text step_text = {steps, sizeof steps, 0};
static uint32_t step_count;

void tpi_sim_say(struct tpi_sim_text *text, const char *format, ...)
{
    va_list list;
    int length;
    va_start(list, format);
    length = vsnprintf(text->bytes + text->used, text->size - text->used, format, list);
    va_end(list);
    if (length > 0)
        text->used +=
            (size_t)length < text->size - text->used ? (size_t)length : text->size - text->used - 1;
}

/* Of a deadlock it is who waits for whom that matters. */
static void failed(const char *what)
{
    struct tpi_sim_text text = {scene, sizeof scene, 0}, line = {message, sizeof message, 0};
    bool deadlock = strncmp(what, UNNAMED, strlen(UNNAMED)) == 0;
    tpi_sim_say(&line, "%s", deadlock ? DEADLOCK : what);
    if (deadlock)
        tpi_sim_say_waiting(&line);
    tpi_sim_say(&text, "objects:\n");
    tpi_sim_say_objects(&text);
    tpi_sim_say(&text, "threads:\n");
    tpi_sim_say_threads(&text);
}

static void ended(void)
{
    char bytes[TPPS_MESSAGE_SIZE];
    struct tpi_sim_text text = {bytes, sizeof bytes, 0};
    if (tpi_sim_job.flags & TP_SIM_OBJECTS_MAY_STAY)
        return;
    if (tpi_sim_say_open(&text) != 0)
        tpps_fail_ended(bytes);
}

static void decided(const struct tpps_decision *decision)
{
    tpi_sim_say(&step_text, "  %u. ", ++step_count);
    tpi_sim_say_decision(&step_text, decision);
    tpi_sim_say(&step_text, "\n");
}

void tpi_sim_listen(bool to_failures, bool to_decisions)
{
    const struct tpps_watch watch = {.failed = to_failures ? failed : NULL,
                                     .ended = ended,
                                     .decided = to_decisions ? decided : NULL};
    tpps_set_watch(&watch);
    step_text.used = step_count = 0;
    steps[0] = 0;
    if (!to_failures)
        return;
    message[0] = scene[0] = 0;
}

const char *tpi_sim_message(void)
{
    return message;
}

void tpi_sim_print(FILE *out)
{
    fputs(scene, out);
    if (step_count != 0)
        fprintf(out, "what it takes, the rest goes on as it comes:\n%s", steps);
}
