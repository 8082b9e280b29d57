/* plugin_test.c - a plugin stays loaded for as long as its code may run, and goes right after. */
#define _GNU_SOURCE
#include "tests/survival/unload.h"

enum { ROUNDS = SANITIZED ? 20 : 100 };

static unsigned runs_of(struct plugin_context *context)
{
    return __atomic_load_n(&context->runs, __ATOMIC_SEQ_CST);
}

TAP_TEST(plugin__c041_stays_loaded_after_the_hosts_dlclose_until_the_last_object_is_gone)
{
    struct plugged plugged = plug(0, count_end, true);
    struct plugin_context context = {.stay_us = 2000};
    tp_work_t *work[3];
    for (int i = 0; i < 3; i++)
        work[i] = scene_work(&plugged.scene, plugged.work, &context);
    check_eq(dlclose(plugged.library), 0);
    for (unsigned i = 0; i < 3; i++) {
        check(plugin_loaded());
        check_eq(tpp_load_acquire(&told), 0);
        check_eq(tp_work_submit_many(work[i], 3), TP_OK);
        check_eq(tp_work_wait(work[i], false, TP_INFINITE), TP_OK);
        check_eq(runs_of(&context), 3 * (i + 1));
        check_eq(tp_work_close(work[i]), TP_OK);
    }
    expect_gone(&plugged);
}

/* What is queued keeps it too, with nobody left who has a handle. */
TAP_TEST(plugin__c041_stays_loaded_until_what_is_queued_has_run)
{
    for (uint32_t maximum = 1; maximum <= 4; maximum += 3) {
        struct plugged plugged = plug(maximum, count_end, true);
        struct plugin_context context = {.stay_us = 1000};
        tp_work_t *work = scene_work(&plugged.scene, plugged.work, &context);
        check_eq(tp_work_submit_many(work, 20), TP_OK);
        check_eq(tp_work_close(work), TP_OK);
        for (int i = 0; i < 20; i++)
            check_eq(tp_try_submit(plugged.simple, &context, plugged.scene.env), TP_OK);
        check_eq(dlclose(plugged.library), 0);
        expect_gone(&plugged);
        check_eq(runs_of(&context), 40);
    }
}

TAP_TEST(plugin__c042_closed_in_its_own_callback_goes_after_its_code_has_returned)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct plugged plugged = plug(0, count_end, true);
        struct plugin_context context = {.stay_us = i % 3 ? 0 : 3000};
        context.close = scene_work(&plugged.scene, plugged.work, &context);
        check_eq(tp_work_submit(context.close), TP_OK);
        check_eq(dlclose(plugged.library), 0);
        expect_gone(&plugged);
        check_eq(runs_of(&context), 1);
        check_eq(context.status, TP_OK);
    }
}

/* The other object is gone at once, in the close, below code of the plugin. */
TAP_TEST(plugin__c042_an_object_closed_by_another_ones_callback)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct plugged plugged = plug(0, count_end, true);
        struct plugin_context context = {.stay_us = i % 3 ? 0 : 3000};
        tp_work_t *work = scene_work(&plugged.scene, plugged.work, &context);
        context.close = scene_work(&plugged.scene, plugged.work, &context);
        check_eq(tp_work_submit(work) | tp_work_close(work), TP_OK);
        check_eq(dlclose(plugged.library), 0);
        expect_gone(&plugged);
        check_eq(runs_of(&context), 1);
        check_eq(context.status, TP_OK);
    }
}

TAP_TEST(plugin__c042_an_object_closed_by_the_plugin_on_the_hosts_thread)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct plugged plugged = plug(0, count_end, true);
        struct plugin_context context = {.runs = 0};
        tp_work_t *work = scene_work(&plugged.scene, plugged.work, &context);
        check_eq(tp_work_submit(work), TP_OK);
        check_eq(tp_work_wait(work, false, TP_INFINITE), TP_OK);
        check_eq(plugged.close(work, i % 3 ? 0 : 3000), TP_OK);
        check_eq(dlclose(plugged.library), 0);
        expect_gone(&plugged);
    }
}

/* ---- an action closes it --------------------------------------------------------------------- */

static tp_work_t *waited_for;

/* In the plugin's destructor: the callback that asked for it is over for everybody. */
static void wait_for_own_object(void)
{
    check_eq(tp_work_wait(waited_for, false, TP_INFINITE), TP_OK);
    tpp_add_acq_rel(&told, 1);
}

TAP_TEST(plugin__c203_its_own_callback_closes_it_and_its_destructor_waits_for_the_callback)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct plugged plugged = plug(i % 2 ? 1 : 4, wait_for_own_object, false);
        struct plugin_context context = {.library = plugged.library, .stay_us = i % 3 ? 0 : 3000};
        waited_for = scene_work(&plugged.scene, plugged.work, &context);
        check_eq(tp_work_submit(waited_for), TP_OK);
        check(plugin_goes());
        check_eq(tpp_load_acquire(&told), 1);
        check_eq(context.status, TP_OK);
        finish_work(waited_for);
        scene_end(&plugged.scene);
    }
}

TAP_TEST(plugin__c203_a_simple_callback_closes_it)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct plugged plugged = plug(i % 2 ? 1 : 4, count_end, i % 3 == 0);
        struct plugin_context context = {.library = plugged.library};
        check_eq(tp_try_submit(plugged.simple, &context, plugged.scene.env), TP_OK);
        expect_gone(&plugged);
        check_eq(runs_of(&context), 1);
        check_eq(context.status, TP_OK);
    }
}

int main(void)
{
    tap_run(plugin__c041_stays_loaded_after_the_hosts_dlclose_until_the_last_object_is_gone);
    tap_run(plugin__c041_stays_loaded_until_what_is_queued_has_run);
    tap_run(plugin__c042_closed_in_its_own_callback_goes_after_its_code_has_returned);
    tap_run(plugin__c042_an_object_closed_by_another_ones_callback);
    tap_run(plugin__c042_an_object_closed_by_the_plugin_on_the_hosts_thread);
    tap_run(plugin__c203_its_own_callback_closes_it_and_its_destructor_waits_for_the_callback);
    tap_run(plugin__c203_a_simple_callback_closes_it);
    return tap_done();
}
