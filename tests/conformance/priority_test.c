/* priority_test.c - the order in which posts are taken: priority, turns, post order. */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "tests/support/stage.h"

struct letter {
    struct stage_log *log;
    char letter;
    tp_work_t *work;
};

static void write_letter(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct letter *letter = context;
    (void)instance;
    (void)work;
    stage_log_add(letter->log, letter->letter);
}

/* One object for each character of `letters`, its priority by case and kind: see `priority_of`. */
struct cast {
    struct stage_log log;
    struct letter letters[26];
    uint32_t count;
};

static tp_priority_t priority_of(char letter)
{
    if (strchr("HIJ", letter))
        return TP_PRIORITY_HIGH;
    return strchr("LMK", letter) ? TP_PRIORITY_LOW : TP_PRIORITY_NORMAL;
}

static void cast_init(struct cast *cast, tp_pool_t *pool, const char *letters)
{
    memset(cast, 0, sizeof *cast);
    tp_env_t *env = stage_env(pool);
    for (; letters[cast->count]; cast->count++) {
        struct letter *letter = &cast->letters[cast->count];
        letter->log = &cast->log;
        letter->letter = letters[cast->count];
        stage_expect_eq(tp_env_set_priority(env, priority_of(letter->letter)), TP_OK);
        letter->work = stage_work(write_letter, letter, env);
    }
    tp_env_destroy(env);
}

static void cast_submit(struct cast *cast, const char *letters)
{
    for (; *letters; letters++)
        for (uint32_t i = 0; i < cast->count; i++)
            if (cast->letters[i].letter == *letters)
                stage_expect_eq(tp_work_submit(cast->letters[i].work), TP_OK);
}

static void cast_fini(struct cast *cast)
{
    for (uint32_t i = 0; i < cast->count; i++)
        stage_finish(cast->letters[i].work);
}

/* Submits letter by letter behind the gate; then they must run in that order. */
static void expect_order(const char *objects, const char *submitted, const char *expected)
{
    struct stage_gate gate;
    struct cast cast;
    stage_gate_init(&gate, NULL);
    cast_init(&cast, gate.pool, objects);
    cast_submit(&cast, submitted);
    stage_expect(stage_log_is(&cast.log, ""));
    stage_gate_open(&gate);
    cast_fini(&cast);
    stage_expect(stage_log_is(&cast.log, expected));
    stage_gate_fini(&gate);
}

STAGE_TEST(priority__c068_high_before_normal_before_low)
{
    expect_order("LNH", "LLLNNNHHH", "HHHNNNLLL");
    expect_order("LMKNOPHIJ", "LMKNOPHIJ", "HIJNOPLMK");
    expect_order("LNH", "HNLHNLHNL", "HHHNNNLLL");
}

struct low {
    struct stage_log log;
    struct letter high;
    stage_counter_t started, open;
};

static void low_body(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct low *low = context;
    (void)instance;
    (void)work;
    stage_log_add(&low->log, 'l');
    stage_add(&low->started, 1);
    stage_await(&low->open, 1);
    stage_expect_eq(tp_work_submit(low->high.work), TP_OK);
    stage_log_add(&low->log, 'L');
}

STAGE_TEST(priority__c069_a_running_low_callback_is_not_interrupted)
{
    struct low low = {.high = {.letter = 'H'}};
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    low.high.log = &low.log;
    tp_env_set_priority(env, TP_PRIORITY_LOW);
    tp_work_t *work = stage_work(low_body, &low, env);
    tp_env_set_priority(env, TP_PRIORITY_HIGH);
    low.high.work = stage_work(write_letter, &low.high, env);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_await(&low.started, 1);
    stage_expect_eq(tp_work_submit(low.high.work), TP_OK);
    stage_rest();
    stage_expect(stage_log_is(&low.log, "l"));
    stage_add(&low.open, 1);
    stage_expect_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
    stage_finish(low.high.work);
    stage_finish(work);
    stage_expect(stage_log_is(&low.log, "lLHHlLH")); /* two highs before the second low */
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_TEST(priority__c070_serial_pool_takes_all_highs_then_normals)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    struct stage_gate gate;
    struct cast cast;
    config.thread_minimum = 1;
    stage_gate_init(&gate, &config); /* the first normal runs: minimum and maximum are one */
    cast_init(&cast, gate.pool, "NHOIPJ");
    cast_submit(&cast, "NHOIPJNH");
    stage_gate_open(&gate);
    cast_fini(&cast);
    stage_expect(stage_log_is(&cast.log, "HIJHNOPN"));
    stage_expect_eq(stage_stats(gate.pool).threads_created, 1);
    stage_gate_fini(&gate);
}

STAGE_TEST(priority__c071_objects_take_turns)
{
    expect_order("AB", "AAABBB", "ABABAB");
    expect_order("ABC", "AAAABBC", "ABCABAA");
    expect_order("HI", "HHHII", "HIHIH"); /* within each priority */
    expect_order("LM", "LLLMM", "LMLML");
}

STAGE_TEST(priority__c072_a_busy_object_does_not_keep_another_from_running)
{
    expect_order("AB", "AAAAAAAAAABBBBBBBBBB", "ABABABABABABABABABAB");
}

STAGE_TEST(priority__c073_single_posts_run_in_post_order)
{
    expect_order("ABCD", "ABCD", "ABCD");
    expect_order("ABCD", "DBCA", "DBCA");
}

/* More than fit into anything that holds a few: exact post order all the same. */
STAGE_TEST(priority__post_order_is_exact_on_one_thread)
{
    expect_order("ABCDEFGNOPQRSTUVWXYZ", "ZYXWVUTSRQPONGFEDCBA", "ZYXWVUTSRQPONGFEDCBA");
    expect_order("HABLCIDEMFG", "ABLCHDEMFGI", "HIABCDEFGLM");
}

/* Posts made by a callback of the pool itself keep their order too. */
struct poster {
    struct cast cast;
    const char *letters;
};

static void post_letters(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct poster *poster = context;
    (void)instance;
    (void)work;
    cast_submit(&poster->cast, poster->letters);
}

STAGE_TEST(priority__post_order_is_exact_for_posts_from_a_callback)
{
    struct poster poster = {.letters = "CABLDHEFIMG"};
    tp_pool_t *pool = stage_pool(0, 1);
    tp_env_t *env = stage_env(pool);
    cast_init(&poster.cast, pool, "ABCDEFGHILM");
    tp_work_t *work = stage_work(post_letters, &poster, env);
    stage_expect_eq(tp_work_submit(work), TP_OK);
    stage_finish(work);
    cast_fini(&poster.cast);
    stage_expect(stage_log_is(&poster.cast.log, "HICABDEFGLM"));
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* Two threads: when a low post is taken, all above it have been taken, and at most one of these
 * has not yet said so. */
STAGE_TEST(priority__with_two_threads_low_still_comes_last)
{
    struct low blocker = {.high = {.letter = 'x'}};
    struct cast cast;
    tp_pool_t *pool = stage_pool(2, 2);
    tp_env_t *env = stage_env(pool);
    blocker.high.log = &blocker.log;
    blocker.high.work = stage_work(write_letter, &blocker.high, NULL);
    tp_work_t *work = stage_work(low_body, &blocker, env);
    stage_expect_eq(tp_work_submit_many(work, 2), TP_OK);
    stage_await(&blocker.started, 2); /* both threads are busy */
    cast_init(&cast, pool, "LMNOPHI");
    cast_submit(&cast, "LMNOPHI");
    stage_add(&blocker.open, 1);
    cast_fini(&cast);
    const char *text = stage_log_text(&cast.log);
    stage_expect_eq(strlen(text), 7);
    stage_expect(strcspn(text, "LM") >= 4);
    stage_expect(strcspn(text, "NOP") >= 1);
    stage_finish(work);
    stage_finish(blocker.high.work);
    tp_env_destroy(env);
    tp_pool_close(pool);
}

/* ---- strictness starves: a low post waits for a chain of high ones to end -------------------- */

struct chain {
    struct stage_log log;
    stage_counter_t given_up; /* the wait for the low one */
    uint32_t left;            /* highs from then on */
};

static void high_chain(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct chain *chain = context;
    (void)instance;
    if (stage_value(&chain->given_up) == 0) {
        stage_pass(STAGE_MS / 10);
        stage_expect_eq(tp_work_submit(work), TP_OK);
        return;
    }
    stage_log_add(&chain->log, 'h');
    if (--chain->left > 0)
        stage_expect_eq(tp_work_submit(work), TP_OK);
}

STAGE_TEST(priority__r42_strict_priority_starves_while_the_chain_lasts)
{
    struct chain chain = {.left = 6};
    struct stage_gate gate;
    struct letter low = {.log = &chain.log, .letter = 'l'};
    stage_gate_init(&gate, NULL);
    tp_env_t *env = stage_gate_env(&gate);
    tp_env_set_priority(env, TP_PRIORITY_LOW);
    low.work = stage_work(write_letter, &low, env);
    tp_env_set_priority(env, TP_PRIORITY_HIGH);
    tp_work_t *high = stage_work(high_chain, &chain, env);
    stage_expect_eq(tp_work_submit(low.work), TP_OK);
    stage_expect_eq(tp_work_submit(high), TP_OK);
    stage_gate_open(&gate);
    stage_expect_eq(tp_work_wait(low.work, false, 3 * STAGE_MS), TP_ERR_TIMEOUT);
    stage_expect_eq(stage_stats(gate.pool).pending[TP_PRIORITY_LOW], 1);
    stage_add(&chain.given_up, 1);
    stage_finish(low.work);
    stage_finish(high);
    stage_expect(stage_log_is(&chain.log, "hhhhhhl"));
    tp_env_destroy(env);
    stage_gate_fini(&gate);
}

/* ---- the thread itself is left alone --------------------------------------------------------- */

struct scheduling {
    int policy, priority;
    uint64_t thread;
};

static void note_scheduling(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct scheduling *scheduling = context;
    struct sched_param parameters;
    (void)instance;
    (void)work;
    stage_expect_eq(pthread_getschedparam(pthread_self(), &scheduling->policy, &parameters), 0);
    scheduling->priority = parameters.sched_priority;
    scheduling->thread = stage_self();
}

STAGE_TEST(priority__c075_the_threads_scheduling_is_not_changed)
{
    struct scheduling seen[3];
    int policy;
    struct sched_param parameters;
    tp_pool_t *pool = stage_pool(1, 1);
    tp_env_t *env = stage_env(pool);
    stage_expect_eq(pthread_getschedparam(pthread_self(), &policy, &parameters), 0);
    for (tp_priority_t priority = 0; priority < 3; priority++) {
        tp_env_set_priority(env, priority);
        tp_work_t *work = stage_work(note_scheduling, &seen[priority], env);
        stage_expect_eq(tp_work_submit(work), TP_OK);
        stage_finish(work);
        stage_expect_eq(seen[priority].policy, policy);
        stage_expect_eq(seen[priority].priority, parameters.sched_priority);
        stage_expect(seen[priority].thread == seen[0].thread);
    }
    tp_env_destroy(env);
    tp_pool_close(pool);
}

STAGE_MAIN(STAGE_CASE(priority__c068_high_before_normal_before_low),
           STAGE_CASE(priority__c069_a_running_low_callback_is_not_interrupted),
           STAGE_CASE(priority__c070_serial_pool_takes_all_highs_then_normals),
           STAGE_CASE(priority__c071_objects_take_turns),
           STAGE_CASE(priority__c072_a_busy_object_does_not_keep_another_from_running),
           STAGE_CASE(priority__c073_single_posts_run_in_post_order),
           STAGE_CASE_X(priority__c075_the_threads_scheduling_is_not_changed, .real_only = true),
           STAGE_CASE(priority__post_order_is_exact_on_one_thread),
           STAGE_CASE(priority__post_order_is_exact_for_posts_from_a_callback),
           STAGE_CASE(priority__with_two_threads_low_still_comes_last),
           STAGE_CASE_X(priority__r42_strict_priority_starves_while_the_chain_lasts,
                        .no_early = true))
