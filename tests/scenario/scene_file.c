/* scene_file.c - the short calls of scene_file.h. */
#include "tests/scenario/scene_file.h"

enum { FIRST = 10 }; /* descriptor */

static struct {
    tpp_u32 left, reads;
} readers[SCENE_WAITS];

int scene_fd(uint32_t number)
{
    return FIRST + (int)number;
}

void scene_fds_open(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        tpps_check(tpps_descriptor_open(scene_fd(i), TPPS_STREAM) == scene_fd(i));
}

void scene_fd_close(uint32_t number)
{
    int fd = scene_fd(number);
    if (tpps_descriptor_interests(fd) != 0 || tpps_descriptor_names(fd) != 1)
        tpps_fail("scene: descriptor %u still has %u names and %u registrations", number,
                  tpps_descriptor_names(fd), tpps_descriptor_interests(fd));
    tpps_descriptor_close(fd);
}

void scene_fds_close(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        scene_fd_close(i);
}

bool scene_listen_for(uint32_t number, uint32_t events, int64_t timeout)
{
    return scene_wait_on(number, tp_waitable_fd(scene_fd(number), events), timeout);
}

bool scene_listen(uint32_t number, uint32_t events)
{
    return scene_listen_for(number, events, TP_INFINITE);
}

void scene_read(tp_callback_instance_t *instance, void *context, tp_wait_t *wait,
                tp_wait_result_t result)
{
    uint32_t number = (uint32_t)(uintptr_t)context, events = 0;
    int fd = scene_fd(number);
    if (number < SCENE_SERIES)
        scene_tick_now(number);
    scene_hit(instance, context, wait, result);
    if (result != TP_WAIT_SIGNALED)
        return;
    tpps_check(tp_callback_wait_events(instance, &events) == TP_OK);
    if (events == 0 || (tpps_descriptor_ready(fd) & events) != events)
        tpps_fail("scene: wait %u was told of %#x, and its descriptor has %#x", number, events,
                  tpps_descriptor_ready(fd));
    tpps_descriptor_set_ready(fd, 0);
    tpp_add_acq_rel(&readers[number].reads, 1);
    tpp_wake(&readers[number].reads, UINT32_MAX);
    uint32_t left = tpp_load_acquire(&readers[number].left);
    if (left > 0 && tpp_cas_acq_rel(&readers[number].left, &left, left - 1))
        tpps_check(!scene_listen(number, POLLIN));
}

bool scene_reader_calls(uint32_t number, tp_pool_t *pool, uint32_t again, tp_wait_fn function)
{
    tpps_check(number < SCENE_WAITS);
    tpp_init(&readers[number].left, again);
    tpp_init(&readers[number].reads, 0);
    return scene_wait_calls(number, pool, function);
}

bool scene_reader(uint32_t number, tp_pool_t *pool, uint32_t again)
{
    return scene_reader_calls(number, pool, again, scene_read);
}

void scene_await_read(uint32_t number, uint32_t at_least)
{
    uint32_t seen;
    if (!scene_wait_of(number) || !scene_complete())
        return;
    while ((seen = tpp_load_acquire(&readers[number].reads)) < at_least)
        tpp_wait(&readers[number].reads, seen, TPP_FOREVER);
}

void scene_ready(uint32_t number)
{
    tpps_descriptor_set_ready(scene_fd(number), POLLIN);
}

void scene_write(uint32_t number, uint32_t times)
{
    uint32_t before = tpp_add_acq_rel(&readers[number].reads, 0);
    for (uint32_t i = 1; i <= times && scene_wait_of(number) && scene_complete(); i++) {
        scene_ready(number);
        scene_await_read(number, before + i);
    }
}

void scene_be_late(uint32_t number)
{
    uint32_t left = tpp_exchange_acq_rel(&readers[number].left, 0);
    for (int i = 0; i < 3; i++) {
        scene_listen(number, POLLIN);
        scene_write(number, 1);
        scene_wait_wait(number);
        scene_ready(number);
        tpps_sleep(10 * MS); /* nobody is armed, so it is silenced */
        tpps_descriptor_set_ready(scene_fd(number), 0);
    }
    tpp_store_release(&readers[number].left, left);
}

void scene_await_dry(uint32_t number)
{
    while (scene_wait_of(number) && scene_complete()) {
        uint32_t seen = tpp_add_acq_rel(&readers[number].reads, 0);
        if (!tpps_descriptor_ready(scene_fd(number)))
            return;
        scene_await_read(number, seen + 1);
    }
}

void scene_in_time(uint32_t number, uint32_t nth, int64_t since, int64_t late)
{
    if (!scene_wait_of(number) || !scene_complete())
        return;
    scene_await_read(number, nth + 1);
    int64_t after = scene_tick_at(number, nth) - since;
    if (after < 0 || after > late)
        tpps_fail("wait %u was told after %lld ns, %lld allowed", number, (long long)after,
                  (long long)late);
}

void scene_ready_in_time(uint32_t number, uint32_t nth, int64_t late)
{
    int64_t since = tpps_now();
    scene_ready(number);
    scene_in_time(number, nth, since, late);
}

void scene_file_finish(uint32_t number)
{
    if (!scene_wait_of(number))
        return;
    tpp_store_release(&readers[number].left, 0);
    scene_disarm(number);
    scene_wait_wait(number); /* it may have armed itself once more */
    scene_wait_finish(number);
}

void scene_files_finish(uint32_t waits)
{
    for (uint32_t i = 0; i < waits; i++)
        scene_file_finish(i);
    tpps_check(tpps_files_kept() == 0);
}

void scene_files_end(tp_pool_t *pool, uint32_t waits)
{
    scene_files_finish(waits);
    scene_fds_close(waits);
    scene_close_pool(pool);
}

tp_pool_t *scene_small_pool(void)
{
    uint32_t maximum = 1 + tpps_choose(2);
    return scene_settled(tpps_choose(2) ? maximum : 0, maximum);
}
