/* library_test.c - what the headers say as macros, the library says as functions. */
#include "tests/support/tap.h"
#include "tp/tp.h"

/* Every byte is set beforehand, so that one the function forgets shows. */
#define CHECK_TWIN(type, init_function, INIT_MACRO) \
    do { \
        static const type from_macro = INIT_MACRO; \
        type from_function; \
        memset(&from_function, 0xa5, sizeof from_function); \
        init_function(&from_function); \
        check_eq(memcmp(&from_function, &from_macro, sizeof from_macro), 0); \
        check_eq(from_function.struct_size, sizeof(type)); \
        init_function(NULL); \
    } while (0)

TAP_TEST(library__init_functions_are_the_init_macros)
{
    CHECK_TWIN(tp_allocator_t, tp_allocator_init, TP_ALLOCATOR_INIT);
    CHECK_TWIN(tp_pool_config_t, tp_pool_config_init, TP_POOL_CONFIG_INIT);
    CHECK_TWIN(tp_timer_spec_t, tp_timer_spec_init, TP_TIMER_SPEC_INIT);
    CHECK_TWIN(tp_wait_spec_t, tp_wait_spec_init, TP_WAIT_SPEC_INIT);
    CHECK_TWIN(tp_io_op_t, tp_io_op_init, TP_IO_OP_INIT);
    CHECK_TWIN(tp_pool_stats_t, tp_pool_stats_init, TP_POOL_STATS_INIT);
}

TAP_TEST(library__version_is_that_of_the_headers)
{
    char text[32];

    check_eq(TP_VERSION_NUMBER,
             TP_VERSION_MAJOR << 16 | TP_VERSION_MINOR << 8 | TP_VERSION_PATCH);
    check_eq(tp_version(), TP_VERSION_NUMBER);
    check_eq(strcmp(tp_version_string(), TP_VERSION_STRING), 0);
    snprintf(text, sizeof text, "%d.%d.%d", TP_VERSION_MAJOR, TP_VERSION_MINOR, TP_VERSION_PATCH);
    check_eq(strcmp(text, TP_VERSION_STRING), 0);
}

static void check_sentence(const char *message)
{
    size_t length;

    require(message != NULL);
    length = strlen(message);
    require(length > 10);
    check(message[0] >= 'A' && message[0] <= 'Z');
    check(message[length - 1] == '.');
}

#define CHECK_STATUS(name, value, message) \
    check_eq(name, value); \
    check_eq(strcmp(tp_status_name(name), #name), 0); \
    check_eq(strcmp(tp_status_message(name), message), 0); \
    check_sentence(tp_status_message(name)); \
    statuses++;

TAP_TEST(library__every_status_has_a_name_and_a_sentence)
{
    int statuses = 0;

    TP_STATUS_MAP(CHECK_STATUS)
    check(statuses >= 18);
}

TAP_TEST(library__a_number_that_is_no_status_has_texts_too)
{
    static const tp_status_t strange[] = { 1, 42, -1000, INT32_MAX, INT32_MIN };

    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        check_eq(strcmp(tp_status_name(strange[i]), "TP_ERR_UNKNOWN"), 0);
        check_sentence(tp_status_message(strange[i]));
    }
}

int main(void)
{
    tap_run(library__init_functions_are_the_init_macros);
    tap_run(library__version_is_that_of_the_headers);
    tap_run(library__every_status_has_a_name_and_a_sentence);
    tap_run(library__a_number_that_is_no_status_has_texts_too);
    return tap_done();
}
