/* gate_test.c - versioned structs in both directions, and what is reported as misuse. */
#include "capi/gate.h"

#include "tests/support/tap.h"
#include "tp/library.h"

/* A struct of three versions, as an application of each age knows it. */
struct first {
    uint32_t struct_size, a;
};
struct today {
    uint32_t struct_size, a;
    uint64_t b;
};
struct later {
    uint32_t struct_size, a;
    uint64_t b, c;
};

TAP_TEST(gate__a_struct_of_today_is_read_whole)
{
    struct today given = {sizeof given, 1, 2}, own = {9, 9, 9};
    check_eq(tpi_gate_read(&own, sizeof own, sizeof(struct first), &given), TP_OK);
    check_eq(own.a, 1);
    check_eq(own.b, 2);
}

TAP_TEST(gate__an_older_struct_lacks_fields_which_are_zero)
{
    struct first given = {sizeof given, 1};
    struct today own = {9, 9, 9};
    check_eq(tpi_gate_read(&own, sizeof own, sizeof(struct first), &given), TP_OK);
    check_eq(own.a, 1);
    check_eq(own.b, 0);
}

TAP_TEST(gate__smaller_than_the_first_version_is_refused)
{
    struct today own = {9, 9, 9};
    for (uint32_t size = 0; size < sizeof(struct first); size++) {
        struct first given = {size, 1};
        check_eq(tpi_gate_read(&own, sizeof own, sizeof(struct first), &given), TP_ERR_VERSION);
        check_eq(tpi_gate_size(sizeof(struct first), &given), TP_ERR_VERSION);
    }
    check_eq(own.a, 9);
}

TAP_TEST(gate__a_newer_struct_is_read_if_its_end_is_zero)
{
    struct later given = {sizeof given, 1, 2, 0};
    struct today own = {0, 0, 0};
    check_eq(tpi_gate_read(&own, sizeof own, sizeof(struct first), &given), TP_OK);
    check_eq(own.b, 2);
}

/* Each byte behind today's end counts, the last one too. */
TAP_TEST(gate__a_newer_struct_with_anything_behind_is_refused)
{
    for (size_t at = sizeof(struct today); at < sizeof(struct later); at++) {
        struct later given = {sizeof given, 1, 2, 0};
        struct today own = {9, 9, 9};
        ((unsigned char *)&given)[at] = 1;
        check_eq(tpi_gate_read(&own, sizeof own, sizeof(struct first), &given), TP_ERR_VERSION);
        check_eq(own.a, 9);
    }
}

TAP_TEST(gate__results_are_written_as_far_as_the_caller_knows_them)
{
    struct today own = {0, 1, 2};
    struct first old[2] = {{sizeof old[0], 9}, {77, 77}};
    struct later newer = {sizeof newer, 9, 9, 9};
    tpi_gate_write(&own, sizeof own, &old[0]);
    check_eq(old[0].struct_size, sizeof old[0]);
    check_eq(old[0].a, 1);
    check_eq(old[1].struct_size, 77); /* nothing behind it was touched */
    tpi_gate_write(&own, sizeof own, &newer);
    check_eq(newer.struct_size, sizeof newer);
    check_eq(newer.a, 1);
    check_eq(newer.b, 2);
    check_eq(newer.c, 0);
}

/* ---- reports --------------------------------------------------------------------------------- */

static struct {
    unsigned calls;
    void *context;
    tp_status_t status;
    char function[64], message[256];
} heard;

static void hear(void *context, const char *function, tp_status_t status, const char *message)
{
    heard.calls++;
    heard.context = context;
    heard.status = status;
    snprintf(heard.function, sizeof heard.function, "%s", function);
    snprintf(heard.message, sizeof heard.message, "%s", message);
}

TAP_TEST(gate__misuse_and_nothing_else_is_reported)
{
    static const tp_status_t told[] = {TP_ERR_ARGUMENT, TP_ERR_HANDLE,     TP_ERR_VERSION,
                                       TP_ERR_CLOSED,   TP_ERR_DEADLOCK,   TP_ERR_NOT_OWNER,
                                       TP_ERR_STATE,    TP_ERR_UNSUPPORTED};
    static const tp_status_t quiet[] = {TP_OK,        TP_ERR_NO_MEMORY, TP_ERR_NO_THREAD,
                                        TP_ERR_BUSY,  TP_ERR_TIMEOUT,   TP_ERR_TOO_MANY_THREADS,
                                        TP_ERR_LIMIT, TP_ERR_SYSTEM,    TP_ERR_EXISTS};
    int context;
    tp_set_misuse_hook(hear, &context);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        heard.calls = 0;
        check_eq(tpi_gate_result("tp_some", NULL, told[i]), told[i]);
        check_eq(heard.calls, 1);
        check_eq(heard.status, told[i]);
        check(heard.context == &context);
        check(strcmp(heard.function, "tp_some") == 0);
    }
    heard.calls = 0;
    for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
        check_eq(tpi_gate_result("tp_some", NULL, quiet[i]), quiet[i]);
    check_eq(heard.calls, 0);
    tp_set_misuse_hook(NULL, NULL);
    check_eq(tpi_gate_result("tp_some", NULL, TP_ERR_HANDLE), TP_ERR_HANDLE);
    check_eq(heard.calls, 0);
}

static void check_reason(uintptr_t token, const char *reason)
{
    char handle[32];
    snprintf(handle, sizeof handle, "%p", (void *)token);
    tpi_gate_report("tp_some", (void *)token, TP_ERR_HANDLE);
    check(strstr(heard.message, handle) != NULL);
    check(strstr(heard.message, reason) != NULL);
    if (!strstr(heard.message, reason))
        printf("# %s\n", heard.message);
}

TAP_TEST(gate__the_message_names_the_handle_and_the_reason)
{
    struct tpi_slot *slot = tpi_slab_new(TPI_KIND_EVENT, 64, NULL);
    require(slot);
    tp_set_misuse_hook(hear, NULL);
    uintptr_t token = (uintptr_t)tpi_handle_make(TPI_KIND_EVENT, slot);
    check_reason(0, "NULL");
    check_reason(0x1234, "no handle of this library");
    check_reason(token, "of another kind");
    check_reason(tpi_token_make(TPI_KIND_INSTANCE, 1, 0), "callback instance");
    check_reason(tpi_token_make(TPI_KIND_WORK, 1, 1 << 20), "never existed");
    tpi_slab_free(TPI_KIND_EVENT, slot, NULL);
    check_reason(token, "was closed");
    tp_set_misuse_hook(NULL, NULL);
}

/* ---- handles --------------------------------------------------------------------------------- */

TAP_TEST(gate__a_handle_is_good_for_its_kind_and_life_only)
{
    uint32_t generation = 0;
    struct tpi_slot *slot = tpi_slab_new(TPI_KIND_EVENT, 64, NULL);
    require(slot);
    void *handle = tpi_handle_make(TPI_KIND_EVENT, slot);
    check(tpi_gate_slot(TPI_KIND_EVENT, handle, &generation) == slot);
    check_eq(generation, tpi_slot_generation(slot));
    for (int kind = TPI_KIND_NONE; kind < TPI_KIND_COUNT; kind++)
        if (kind != TPI_KIND_EVENT)
            check(tpi_gate_slot((enum tpi_kind)kind, handle, &generation) == NULL);
    check(tpi_gate_slot(TPI_KIND_EVENT, NULL, &generation) == NULL);
    check(tpi_slab_retire(slot, tpi_slot_generation(slot)));
    check(tpi_gate_slot(TPI_KIND_EVENT, handle, &generation) == NULL);
    tpi_slab_free(TPI_KIND_EVENT, slot, NULL);
    check(tpi_gate_slot(TPI_KIND_EVENT, handle, &generation) == NULL);
}

int main(void)
{
    tap_run(gate__a_struct_of_today_is_read_whole);
    tap_run(gate__an_older_struct_lacks_fields_which_are_zero);
    tap_run(gate__smaller_than_the_first_version_is_refused);
    tap_run(gate__a_newer_struct_is_read_if_its_end_is_zero);
    tap_run(gate__a_newer_struct_with_anything_behind_is_refused);
    tap_run(gate__results_are_written_as_far_as_the_caller_knows_them);
    tap_run(gate__misuse_and_nothing_else_is_reported);
    tap_run(gate__the_message_names_the_handle_and_the_reason);
    tap_run(gate__a_handle_is_good_for_its_kind_and_life_only);
    return tap_done();
}
