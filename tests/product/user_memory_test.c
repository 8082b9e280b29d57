/* user_memory_test.c - plain and atomic variables of code compiled with -fsanitize=thread. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/product/user.h"

static bool broken;

static void both(tp_sim_fn scenario, const char *part)
{
    broken = true;
    must_fail(scenario, NULL, NULL, part);
    broken = false;
    must_pass(scenario, NULL, NULL);
}

static void side_by_side(void *(*first)(void *), void *(*second)(void *), void *context)
{
    pthread_t threads[2];
    tp_sim_check(pthread_create(&threads[0], NULL, first, context) == 0);
    tp_sim_check(pthread_create(&threads[1], NULL, second, context) == 0);
    for (int i = 0; i < 2; i++)
        tp_sim_check(pthread_join(threads[i], NULL) == 0);
}

/* ---- a lost update --------------------------------------------------------------------------- */

static int hits;
static pthread_mutex_t hits_lock = PTHREAD_MUTEX_INITIALIZER;

static void hit(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)context;
    (void)work;
    if (!broken)
        pthread_mutex_lock(&hits_lock);
    hits++;
    if (!broken)
        pthread_mutex_unlock(&hits_lock);
}

static void two_hits(void *context)
{
    tp_pool_config_t two_threads = TP_POOL_CONFIG_INIT;
    tp_env_t *env;
    tp_pool_t *pool;
    tp_work_t *work;
    (void)context;
    hits = 0;
    two_threads.thread_minimum = 2;
    tp_sim_check(tp_pool_create(&two_threads, &pool) == TP_OK);
    tp_sim_check(tp_env_create(&env) == TP_OK && tp_env_set_pool(env, pool) == TP_OK);
    tp_sim_check(tp_work_create(hit, NULL, env, &work) == TP_OK);
    tp_sim_check(tp_work_submit_many(work, 2) == TP_OK);
    tp_sim_check(tp_work_wait(work, false, TP_INFINITE) == TP_OK);
    tp_sim_check(hits == 2);
    tp_work_close(work);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

TAP_TEST(memory__a_lost_update_is_found_without_any_point_in_the_source)
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    tp_sim_report_t report = TP_SIM_REPORT_INIT;
    options.flags = TP_SIM_NO_RACES;
    options.schedules = USER_SCHEDULES;
    broken = true;
    check_eq(tp_sim_run(&options, two_hits, NULL, &report), TP_SIM_FAILED);
    require(report.message != NULL);
    check(strstr(report.message, "hits == 2") != NULL);
}

TAP_TEST(race__of_two_callbacks_is_told_with_both_places)
{
    both(two_hits, "data race on \"hits\": ");
    both(two_hits, " in hit (user_memory_test.c:");
}

/* It is one on every schedule, also where the two never met. */
TAP_TEST(race__is_found_on_the_first_schedule_that_runs_both)
{
    tp_sim_options_t options = TP_SIM_OPTIONS_INIT;
    options.flags = TP_SIM_NO_SHRINK;
    options.schedules = 20;
    broken = true;
    check_eq(tp_sim_run(&options, two_hits, NULL, NULL), TP_SIM_FAILED);
}

/* ---- atomics --------------------------------------------------------------------------------- */

static atomic_int seats;
static int sold;

static void *book(void *context)
{
    int left = atomic_load(&seats);
    if (broken) {
        if (left > 0) {
            atomic_fetch_sub(&seats, 1);
            __atomic_fetch_add(&sold, 1, __ATOMIC_SEQ_CST);
        }
        return context;
    }
    while (left > 0)
        if (atomic_compare_exchange_weak(&seats, &left, left - 1)) {
            __atomic_fetch_add(&sold, 1, __ATOMIC_SEQ_CST);
            break;
        }
    return context;
}

static void one_seat(void *context)
{
    atomic_store(&seats, 1);
    sold = 0;
    side_by_side(book, book, context);
    if (sold != 1)
        tp_sim_fail("%d seats sold of 1", sold);
}

TAP_TEST(atomic__check_then_act_sells_a_seat_twice)
{
    both(one_seat, "2 seats sold of 1");
}

static struct letter {
    int text;
    atomic_bool sent;
} letter;

static void *send_letter(void *context)
{
    letter.text = 42;
    atomic_store_explicit(&letter.sent, true, broken ? memory_order_relaxed : memory_order_release);
    return context;
}

static void *read_letter(void *context)
{
    if (atomic_load_explicit(&letter.sent, memory_order_acquire))
        tp_sim_check(letter.text == 42);
    return context;
}

static void post(void *context)
{
    letter.text = 0;
    atomic_store(&letter.sent, false);
    side_by_side(send_letter, read_letter, context);
}

TAP_TEST(race__that_only_a_weaker_order_makes_is_found)
{
    both(post, "data race on \"letter\"");
}

static void *send_after_fence(void *context)
{
    letter.text = 42;
    if (!broken)
        atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&letter.sent, true, memory_order_relaxed);
    return context;
}

static void *read_before_fence(void *context)
{
    if (!atomic_load_explicit(&letter.sent, memory_order_relaxed))
        return context;
    atomic_thread_fence(memory_order_acquire);
    tp_sim_check(letter.text == 42);
    return context;
}

static void post_with_fences(void *context)
{
    letter.text = 0;
    atomic_store(&letter.sent, false);
    side_by_side(send_after_fence, read_before_fence, context);
}

TAP_TEST(race__is_none_where_fences_order)
{
    both(post_with_fences, "data race on \"letter\"");
}

/* ---- the stack and the heap ------------------------------------------------------------------ */

static void *count_up(void *context)
{
    int *count = context;
    if (!broken)
        pthread_mutex_lock(&hits_lock);
    ++*count;
    if (!broken)
        pthread_mutex_unlock(&hits_lock);
    return context;
}

static void count_on_a_stack(void *context)
{
    int count = 0;
    (void)context;
    tp_sim_name(&count, "count");
    side_by_side(count_up, count_up, &count);
    tp_sim_check(count == 2);
}

TAP_TEST(race__on_the_stack_of_another_thread_is_one)
{
    both(count_on_a_stack, "data race on \"count\"");
}

struct node {
    struct node *next;
    int value;
};

static struct node *top;

static void *push_and_pop(void *context)
{
    struct node *node;
    for (int i = 0; i < 3; i++) {
        node = malloc(sizeof *node);
        node->value = i;
        pthread_mutex_lock(&hits_lock);
        node->next = top;
        top = node;
        pthread_mutex_unlock(&hits_lock);
        pthread_mutex_lock(&hits_lock);
        node = top;
        top = node->next;
        pthread_mutex_unlock(&hits_lock);
        node->value++;
        free(node);
    }
    return context;
}

static void nodes_that_come_back(void *context)
{
    top = NULL;
    side_by_side(push_and_pop, push_and_pop, context);
    tp_sim_check(top == NULL);
}

TAP_TEST(race__is_none_with_memory_that_is_freed_and_given_out_again)
{
    must_pass(nodes_that_come_back, NULL, NULL);
}

static void *peek(void *context)
{
    struct node *node = context;
    return node->value == 3 ? context : NULL;
}

static void *drop(void *context)
{
    free(context);
    return NULL;
}

static void free_too_early(void *context)
{
    struct node *node = malloc(sizeof *node);
    (void)context;
    node->value = 3;
    tp_sim_name(&node->value, "node");
    side_by_side(peek, drop, node);
}

TAP_TEST(race__with_free_is_one)
{
    must_fail(free_too_early, NULL, NULL, "data race on \"node\"");
}

/* ---- what the library promises --------------------------------------------------------------- */

static struct story {
    int first, second, third, fourth;
    tp_event_t *done;
} story;

static void tell_second(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)instance;
    (void)work;
    tp_sim_check(story.first == 1);
    story.second = 2;
    tp_sim_check(tp_work_submit(context) == TP_OK);
}

static void tell_third(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    (void)context;
    (void)work;
    tp_sim_check(story.second == 2);
    story.third = 3;
    tp_sim_check(tp_callback_set_event_on_return(instance, story.done) == TP_OK);
}

static void tell_fourth(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                        tp_wait_result_t result)
{
    (void)instance;
    (void)context;
    (void)wait;
    tp_sim_check(result == TP_WAIT_SIGNALED && story.third == 3);
    story.fourth = 4;
}

/* Submit, callback, event, wait, callback, and the waits for them: each sees what was before. */
static void a_story(void *context)
{
    tp_wait_spec_t when_done = TP_WAIT_SPEC_INIT;
    tp_work_t *second, *third;
    tp_wait_t *fourth;
    (void)context;
    memset(&story, 0, sizeof story);
    tp_sim_check(tp_event_create(true, false, &story.done) == TP_OK);
    tp_sim_check(tp_work_create(tell_third, NULL, NULL, &third) == TP_OK);
    tp_sim_check(tp_work_create(tell_second, third, NULL, &second) == TP_OK);
    tp_sim_check(tp_wait_create(tell_fourth, NULL, NULL, &fourth) == TP_OK);
    when_done.source = tp_waitable_event(story.done);
    tp_sim_check(tp_wait_set(fourth, &when_done, NULL) == TP_OK);
    story.first = 1;
    tp_sim_check(tp_work_submit(second) == TP_OK);
    tp_sim_check(tp_work_wait(second, false, TP_INFINITE) == TP_OK);
    tp_sim_check(tp_work_wait(third, false, TP_INFINITE) == TP_OK);
    tp_sim_check(story.second == 2 && story.third == 3);
    tp_sim_check(tp_wait_wait(fourth, false, TP_INFINITE) == TP_OK);
    tp_sim_check(story.fourth == 4);
    story.third = 5;
    tp_work_close(second);
    tp_work_close(third);
    tp_wait_close(fourth);
    tp_event_close(story.done);
}

TAP_TEST(race__is_none_where_the_library_orders)
{
    must_pass(a_story, NULL, NULL);
}

int main(void)
{
    tap_run(memory__a_lost_update_is_found_without_any_point_in_the_source);
    tap_run(race__of_two_callbacks_is_told_with_both_places);
    tap_run(race__is_found_on_the_first_schedule_that_runs_both);
    tap_run(atomic__check_then_act_sells_a_seat_twice);
    tap_run(race__that_only_a_weaker_order_makes_is_found);
    tap_run(race__is_none_where_fences_order);
    tap_run(race__on_the_stack_of_another_thread_is_one);
    tap_run(race__is_none_with_memory_that_is_freed_and_given_out_again);
    tap_run(race__with_free_is_one);
    tap_run(race__is_none_where_the_library_orders);
    return tap_done();
}
