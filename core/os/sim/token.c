/* token.c - all that a run depends on as one printable line, and back. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/os/sim/internal.h"

#define BYTES_MAX 65536u
#define SCRIPT_MAX 8192u

static const char *const strategy_names[] = {"pct", "random", "dfs", "path", "bytes", "script"};
enum { STRATEGIES = 6 };

static uint8_t parsed_bytes[BYTES_MAX];
static struct tpps_decision parsed_script[SCRIPT_MAX];

struct writer {
    char *text;
    size_t size, used;
    bool full;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *format, ...)
{
    va_list list;
    int length;
    va_start(list, format);
    length = vsnprintf(w->text + w->used, w->size - w->used, format, list);
    va_end(list);
    if (length < 0 || (size_t)length >= w->size - w->used)
        w->full = true;
    else
        w->used += (size_t)length;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put_path(struct writer *w, const uint8_t *picks, size_t count)
{
    while (count > 0 && picks[count - 1] == 0)
        count--;
    for (size_t i = 0; i < count && !w->full;) {
        size_t same = 1;
        while (i + same < count && picks[i + same] == picks[i])
            same++;
        if (same > 1)
            put(w, "%s%ux%zu", i > 0 ? "." : "", picks[i], same);
        else
            put(w, "%s%u", i > 0 ? "." : "", picks[i]);
        i += same;
    }
}

static void put_payload(struct writer *w, const struct tpps_options *o)
{
    const uint8_t *picks;
    size_t count;
    switch (o->strategy) {
    case TPPS_DFS:
        count = tpps_choice_path_(&picks);
        put_path(w, picks, count);
        break;
    case TPPS_PATH:
        put_path(w, o->bytes, o->bytes_size);
        break;
    case TPPS_BYTES:
        for (size_t i = 0; i < o->bytes_size && !w->full; i++)
            put(w, "%02x", o->bytes[i]);
        break;
    case TPPS_SCRIPT:
        for (size_t i = 0; i < o->script_count && !w->full; i++)
            put(w, "%s%u.%u.%u.%u", i > 0 ? "," : "", o->script[i].fiber, o->script[i].kind,
                o->script[i].index, o->script[i].value);
        break;
    case TPPS_PCT:
    case TPPS_RANDOM:
        break;
    }
}

/* What is as it would be without a word is left out. */
static void put_field(struct writer *w, const char *name, int64_t value, int64_t usual)
{
    if (value != 0 && value != usual)
        put(w, ":%s=%lld", name, (long long)value);
}

bool tpps_token_format(const struct tpps_options *o, char *text, size_t size)
{
    struct writer w = {.text = text, .size = size};
    enum tpps_strategy named = o->strategy == TPPS_DFS ? TPPS_PATH : o->strategy;
    put(&w, "tp1:%s:seed=%llu", strategy_names[named], (unsigned long long)o->seed);
    if (named != TPPS_SCRIPT) {
        put_field(&w, "d", o->depth, 0);
        put_field(&w, "k", o->k, 0);
    }
    put_field(&w, "weak", o->weak, 0);
    put_field(&w, "fail", o->fail_nth, 0);
    put_field(&w, "on", o->fail_on, 0);
    put_field(&w, "also", o->fail_also, 0);
    put_field(&w, "cpus", o->cpus, 0);
    put_field(&w, "clock0", o->clock0, TPPS_CLOCK0);
    put_field(&w, "max", o->max_steps, TPPS_STEPS);
    put_field(&w, "early", o->early, 0);
    put_field(&w, "most", o->early_most, 0);
    put_field(&w, "spur", o->spurious, 0);
    put_field(&w, "settle", o->settle_ns, TPPS_SETTLE_NS);
    put_field(&w, "relax", o->relax_ns, TPPS_RELAX_NS);
    put_field(&w, "leaks", o->leaks_allowed, 0);
    put_field(&w, "none_left", o->no_fibers_left, 0);
    put_field(&w, "coarse", o->coarse, 0);
    if (o->strategy >= TPPS_DFS) {
        put(&w, ":x=");
        put_payload(&w, o);
    }
    return !w.full;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_path(const char *p, struct tpps_options *o)
{
    size_t count = 0;
    while (*p != 0) {
        char *end;
        unsigned long pick = strtoul(p, &end, 10), times = 1;
        if (end == p || pick > 255)
            return false;
        if (*end == 'x')
            times = strtoul(end + 1, &end, 10);
        if (times == 0)
            return false;
        for (; times > 0; times--) {
            if (count == BYTES_MAX)
                return false;
            parsed_bytes[count++] = (uint8_t)pick;
        }
        if (*end != 0 && *end != '.')
            return false;
        p = *end == '.' ? end + 1 : end;
    }
    o->bytes = parsed_bytes;
    o->bytes_size = count;
    return true;
}

static bool read_bytes(const char *p, struct tpps_options *o)
{
    size_t count = 0;
    for (; *p != 0; p += 2) {
        char pair[3] = {p[0], p[1], 0};
        char *end;
        unsigned long value = strtoul(pair, &end, 16);
        if (end != pair + 2 || count == BYTES_MAX)
            return false;
        parsed_bytes[count++] = (uint8_t)value;
    }
    o->bytes = parsed_bytes;
    o->bytes_size = count;
    return true;
}

static bool read_script(const char *p, struct tpps_options *o)
{
    size_t count = 0;
    while (*p != 0) {
        unsigned fiber, kind, index, value;
        int length = 0;
        if (count == SCRIPT_MAX ||
            sscanf(p, "%u.%u.%u.%u%n", &fiber, &kind, &index, &value, &length) != 4)
            return false;
        parsed_script[count++] = (struct tpps_decision){.fiber = (uint8_t)fiber,
                                                        .kind = (uint8_t)kind,
                                                        .value = (uint16_t)value,
                                                        .index = index};
        p += length;
        if (*p == ',')
            p++;
        else if (*p != 0)
            return false;
    }
    o->script = parsed_script;
    o->script_count = count;
    return true;
}

static bool read_payload(const char *p, struct tpps_options *o)
{
    switch (o->strategy) {
    case TPPS_PATH:
    case TPPS_DFS:
        return read_path(p, o);
    case TPPS_BYTES:
        return read_bytes(p, o);
    case TPPS_SCRIPT:
        return read_script(p, o);
    case TPPS_PCT:
    case TPPS_RANDOM:
        break;
    }
    return false;
}

static bool set_u32(uint32_t *field, long long value)
{
    *field = (uint32_t)value;
    return value >= 0 && value <= UINT32_MAX;
}

static bool set_field(struct tpps_options *o, const char *name, const char *value)
{
    const struct {
        const char *name;
        uint32_t *u32;
        int64_t *i64;
        bool *flag;
    } fields[] = {
        {"d", &o->depth, NULL, NULL},
        {"k", &o->k, NULL, NULL},
        {"weak", NULL, NULL, &o->weak},
        {"fail", &o->fail_nth, NULL, NULL},
        {"on", NULL, NULL, &o->fail_on},
        {"also", &o->fail_also, NULL, NULL},
        {"cpus", &o->cpus, NULL, NULL},
        {"clock0", NULL, &o->clock0, NULL},
        {"max", &o->max_steps, NULL, NULL},
        {"early", &o->early, NULL, NULL},
        {"most", &o->early_most, NULL, NULL},
        {"spur", &o->spurious, NULL, NULL},
        {"settle", NULL, &o->settle_ns, NULL},
        {"relax", NULL, &o->relax_ns, NULL},
        {"leaks", NULL, NULL, &o->leaks_allowed},
        {"none_left", NULL, NULL, &o->no_fibers_left},
        {"coarse", NULL, NULL, &o->coarse},
    };
    char *end;
    long long number = strtoll(value, &end, 10);
    if (strcmp(name, "x") == 0)
        return read_payload(value, o);
    if (strcmp(name, "seed") == 0) {
        o->seed = strtoull(value, &end, 10);
        return *end == 0;
    }
    if (end == value || *end != 0)
        return false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(name, fields[i].name) != 0)
            continue;
        if (fields[i].u32 != NULL)
            return set_u32(fields[i].u32, number);
        if (fields[i].i64 != NULL)
            *fields[i].i64 = number;
        else
            *fields[i].flag = number != 0;
        return true;
    }
    return false;
}

static bool read_strategy(const char *name, struct tpps_options *o)
{
    for (uint32_t i = 0; i < STRATEGIES; i++)
        if (strcmp(name, strategy_names[i]) == 0) {
            o->strategy = (enum tpps_strategy)i;
            return true;
        }
    return false;
}

bool tpps_token_parse(const char *text, struct tpps_options *options_out)
{
    static char copy[TPPS_TOKEN_SIZE];
    char *next, *rest = NULL;
    size_t length = strlen(text);
    *options_out = (struct tpps_options){0};
    if (length >= sizeof copy || strncmp(text, "tp1:", 4) != 0)
        return false;
    memcpy(copy, text + 4, length - 3);
    next = strtok_r(copy, ":", &rest);
    if (next == NULL || !read_strategy(next, options_out))
        return false;
    while ((next = strtok_r(NULL, ":", &rest)) != NULL) {
        char *value = strchr(next, '=');
        if (value == NULL)
            return false;
        *value = 0;
        if (!set_field(options_out, next, value + 1))
            return false;
    }
    return true;
}
