/* script.c - bytes become a script, and a script becomes text. */
#include "fuzz/script.h"

#include <string.h>

static const char *const code_names[CODES] = {
#define SCRIPT_CODE_NAME(name) #name,
    SCRIPT_CODES(SCRIPT_CODE_NAME)};

/* Header: 0-2 seed; 3 depth and length of PCT, weak memory; 4 processors, early deadlines,
 * spurious wakes; 5 the fallible call that fails; 6 the first pools; 7 clocks, I/O, the end. */
static void read_options(struct script *script, const uint8_t *h)
{
    static const uint32_t early[] = {0, 0, 256, 64}, spurious[] = {0, 0, 16, 4};
    static const int64_t clocks[] = {0, 1, (INT64_C(1) << 32) - 100,
                                     INT64_MAX - INT64_C(86400000000000) * 400};
    struct tpps_options *o = &script->options;
    *o = (struct tpps_options){
        .strategy = TPPS_PCT,
        .seed = h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16,
        .depth = 1 + (h[3] & 7u),
        .k = 200u << (h[3] >> 3 & 3),
        .weak = h[3] >> 5 == 7,
        .cpus = 1 + (h[4] & 3u),
        .early = early[h[4] >> 2 & 3],
        .early_most = 200, /* or the gate, which looks again and again, leaves no time to others */
        .spurious = spurious[h[4] >> 4 & 3],
        .fail_nth = h[5] & 0x80 ? h[5] & 0x7fu : 0,
        .clock0 = clocks[h[7] & 3],
        .quiet = true,
        .leaks_allowed = true, /* the memory of slabs dies with the run */
        .no_fibers_left = true,
    };
    script->setting = (struct setting){
        .pools = h[6],
        .backend = (h[7] >> 2 & 3) % 3,
        .no_rings = (h[7] >> 4 & 3) == 3,
        .calm = h[7] & 64,
        .shutdown = h[7] & 128,
    };
}

void script_read(struct script *script, const uint8_t *data, size_t size)
{
    uint8_t header[SCRIPT_HEADER] = {0};
    size_t taken = size < SCRIPT_HEADER ? size : SCRIPT_HEADER;
    if (taken > 0)
        memcpy(header, data, taken);
    read_options(script, header);
    script->count = 0;
    for (size_t at = taken; at + 4 <= size && script->count < SCRIPT_OPS; at += 4)
        script->ops[script->count++] =
            (struct op){data[at] % LANES, data[at + 1] % CODES, data[at + 2], data[at + 3]};
}

bool script_uses(const struct script *script, uint32_t place)
{
    for (uint32_t i = 0; i < script->count; i++)
        if (op_place(&script->ops[i]) == place || op_other(&script->ops[i]) == place)
            return true;
    return false;
}

bool script_does_io(const struct script *script)
{
    for (uint32_t i = 0; i < script->count; i++)
        if (script->ops[i].code >= CODE_io_create && script->ops[i].code <= CODE_io_close)
            return true;
    return false;
}

void script_print_op(const struct op *op, FILE *out)
{
    static const char *const which[] = {"",         " NULL",   " stale", " of another kind",
                                        " garbage", " toppled"};
    uint32_t kind = op_which(op);
    fprintf(out, "%s %u%s, other %u, argument %#x", code_names[op->code], op_place(op),
            which[kind <= WHICH_CURRENT ? 0 : kind - WHICH_CURRENT], op_other(op), op->argument);
}

void script_print(const struct script *script, FILE *out)
{
    const struct tpps_options *o = &script->options;
    const struct setting *s = &script->setting;
    fprintf(out, "# seed %llu, depth %u, k %u%s, %u processors, early %u, spurious %u\n",
            (unsigned long long)o->seed, o->depth, o->k, o->weak ? ", weak" : "", o->cpus, o->early,
            o->spurious);
    fprintf(out, "# call %u fails (0: none), clock from %lld, pools %#x, backend %u%s%s%s\n",
            o->fail_nth, (long long)o->clock0, s->pools, s->backend,
            s->no_rings ? ", no rings" : "", s->calm ? ", calm" : "",
            s->shutdown ? ", shut down at the end" : "");
    for (uint32_t lane = 0; lane < LANES; lane++)
        for (uint32_t i = 0; i < script->count; i++) {
            if (script->ops[i].lane != lane)
                continue;
            if (lane == LANE_BEFORE)
                fprintf(out, "before    ");
            else if (lane < LANE_BODY)
                fprintf(out, "thread %u  ", lane - LANE_THREAD);
            else
                fprintf(out, "  body %u  ", lane - LANE_BODY);
            script_print_op(&script->ops[i], out);
            fprintf(out, "\n");
        }
}
