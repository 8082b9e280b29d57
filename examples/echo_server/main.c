/* echo_server - sends back what it receives, on a pool of threads that none of it ever blocks.
 *
 * Everything is a callback: accepts (listener.c), what connections receive and send (echo.c), their
 * idle timeouts (peer.c), the signals that end it (stop.c), and whoever asks for the metrics
 * (metrics.c). All their objects are members of one cleanup group. The first thread sleeps until a
 * signal comes; then nothing is accepted any more, the connections have a while to be sent what
 * they are owed, and the group closes what is left. */
#include "examples/echo_server/complain.h"
#include "examples/echo_server/echo.h"
#include "examples/echo_server/exposition.h"
#include "examples/echo_server/listener.h"
#include "examples/echo_server/metrics.h"
#include "examples/echo_server/options.h"
#include "examples/echo_server/peer.h"
#include "examples/echo_server/stop.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

struct server {
    struct options options;
    struct counters counters;
    struct echo echo;
    struct metrics metrics;
    struct listener echo_listener, metrics_listener;
    tp_pool_t *pool;
    tp_cleanup_group_t *group;
    tp_env_t *env;      /* for what lives as long as the server */
    tp_env_t *peer_env; /* for what accepted sockets need */
    tp_event_t *stop;
};

static uint32_t processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}

/* ---- Setting up ------------------------------------------------------------------------------ */

static bool set_up_pool(struct server *self)
{
    tp_pool_config_t config = TP_POOL_CONFIG_INIT;
    config.thread_maximum = self->options.threads > 0 ? self->options.threads : processors();
    config.io_backend = self->options.backend;
    config.name = "echo";
    return fine(tp_event_create(true, false, &self->stop), "event") &&
           fine(tp_event_create(true, false, &self->echo.drained), "event") &&
           fine(tp_pool_create(&config, &self->pool), "pool") &&
           fine(tp_cleanup_group_create(&self->group), "cleanup group") &&
           fine(tp_env_create(&self->env), "environment") &&
           fine(tp_env_set_pool(self->env, self->pool), "environment") &&
           fine(tp_env_set_cleanup_group(self->env, self->group, NULL), "environment") &&
           fine(tp_env_create(&self->peer_env), "environment") &&
           fine(tp_env_set_pool(self->peer_env, self->pool), "environment") &&
           fine(tp_env_set_cleanup_group(self->peer_env, self->group, NULL), "environment") &&
           fine(tp_env_set_context_release(self->peer_env, peer_release), "environment");
}

static void connect_parts(struct server *self)
{
    self->echo.counters = &self->counters;
    self->echo.env = self->peer_env;
    self->echo.connections_most = self->options.connections_most;
    self->echo.idle_timeout_ns = self->options.idle_timeout_ns;
    pthread_mutex_init(&self->echo.lock, NULL);
    self->metrics =
        (struct metrics){.counters = &self->counters, .pool = self->pool, .env = self->peer_env};
    self->echo_listener.accepted = echo_accepted;
    self->echo_listener.context = &self->echo;
    self->echo_listener.accepts = 16;
    self->echo_listener.pauses = &self->counters.accept_pauses;
    self->metrics_listener.accepted = metrics_accepted;
    self->metrics_listener.context = &self->metrics;
    self->metrics_listener.accepts = 1;
    self->metrics_listener.pauses = &self->counters.accept_pauses;
}

static bool start(struct server *self)
{
    const struct options *options = &self->options;
    tp_pool_stats_t stats = TP_POOL_STATS_INIT;
    connect_parts(self);
    if (!stop_start(self->stop, self->env) ||
        !listener_start(&self->metrics_listener, options->metrics_port, self->env) ||
        !listener_start(&self->echo_listener, options->port, self->env) ||
        !fine(tp_pool_get_stats(self->pool, &stats), "statistics"))
        return false;
    printf("port %u\nmetrics_port %u\nbackend %s\ndescriptors %" PRIu64 "\nmax_connections %" PRIu64
           "\n",
           self->echo_listener.port, self->metrics_listener.port, exposition_backend(&stats),
           options->descriptors, options->connections_most);
    return fflush(stdout) == 0;
}

/* ---- Taking down ----------------------------------------------------------------------------- */

static bool wait_for(tp_event_t *event, int64_t timeout)
{
    tp_wait_result_t result;
    return fine(tp_waitable_wait(tp_waitable_event(event), timeout, &result), "wait");
}

/* The metrics can be had all the while. */
static bool drain(struct server *self)
{
    listener_stop(&self->echo_listener);
    echo_drain(&self->echo);
    bool good = wait_for(self->echo.drained, self->options.drain_timeout_ns);
    listener_stop(&self->metrics_listener);
    return good;
}

/* The group closes all objects and forgets what is in flight; the shutdown of the pool ends
 * that, so that after it nobody uses the memory of a connection. */
static bool take_down(struct server *self)
{
    bool good = true;
    if (self->group != NULL)
        good = fine(tp_cleanup_group_close_members(self->group, true, NULL), "cleanup group");
    if (self->pool != NULL)
        good = fine(tp_pool_shutdown(self->pool, true, TP_INFINITE), "pool") && good;
    good = fine(tp_cleanup_group_close(self->group), "cleanup group") && good;
    good = fine(tp_env_destroy(self->env), "environment") && good;
    good = fine(tp_env_destroy(self->peer_env), "environment") && good;
    good = fine(tp_event_close(self->stop), "event") && good;
    return fine(tp_event_close(self->echo.drained), "event") && good;
}

static void print_totals(const struct server *self)
{
    const struct counters *counters = &self->counters;
    printf("accepted %llu\nopen %llu\n", counters->accepted, counters->open);
    for (int i = 0; i < ENDING_COUNT; i++)
        printf("%s %llu\n", ending_names[i], counters->ended[i]);
    printf("received_bytes %llu\nsent_bytes %llu\nmessages %llu\naccept_pauses %llu\n",
           counters->received, counters->sent, counters->messages, counters->accept_pauses);
}

int main(int argc, char **argv)
{
    static struct server self;
    int status = options_parse(argc, argv, &self.options);
    if (status >= 0)
        return status;
    stop_block();
    bool good = set_up_pool(&self) && start(&self);
    bool started = good;
    if (good)
        good = wait_for(self.stop, TP_INFINITE) && drain(&self);
    good = take_down(&self) && good;
    if (started)
        print_totals(&self);
    return good && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
