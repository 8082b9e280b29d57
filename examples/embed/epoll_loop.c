/* epoll_loop.c - a UDP server on its own epoll loop, with a pool whose callbacks run in that loop.
 *
 * It answers a number with what factor(1) prints for it, and ends by SIGINT or SIGTERM.
 *
 * There are two pools. One has threads and does the factoring. The other is caller-driven: it has
 * no thread, and its callbacks run where the loop calls tp_pool_run, which it does when the pool's
 * descriptor is readable. A worker hands its result over by posting it there. So the socket and
 * the counter belong to one thread, and nothing here is locked. */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "tp/tp.h"

enum { DIGITS_MOST = 15, BATCH = 64 };

struct question {
    struct sockaddr_in from;
    tp_work_t *answer; /* made before the question is asked, so that handing over cannot fail */
    unsigned long long number;
    char text[160];
};

static unsigned questions, answers;
static int server_fd, signal_fd, loop_fd;
static pthread_t loop_thread;
static tp_pool_t *loop, *workers;
static tp_env_t *on_loop, *on_workers;

static void must(bool good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

/* Runs on a worker. */
static void on_question(tp_callback_instance_t *instance, void *context)
{
    struct question *question = context;
    unsigned long long rest = question->number;
    int length = sprintf(question->text, "%llu:", rest);
    (void)instance;
    must(!pthread_equal(pthread_self(), loop_thread), "factoring on the loop's thread");
    for (unsigned long long factor = 2; rest > 1; factor += factor == 2 ? 1 : 2) {
        if (factor * factor > rest)
            factor = rest;
        for (; rest % factor == 0; rest /= factor)
            length += sprintf(question->text + length, " %llu", factor);
    }
    strcpy(question->text + length, "\n");
    tp_work_submit(question->answer);
}

/* From here on everything runs on the loop's thread. Who does not read in time loses answers. */
static void on_answer(tp_callback_instance_t *instance, void *context, tp_work_t *work)
{
    struct question *question = context;
    (void)instance;
    must(pthread_equal(pthread_self(), loop_thread), "an answer on another thread");
    sendto(server_fd, question->text, strlen(question->text), MSG_DONTWAIT,
           (const struct sockaddr *)&question->from, sizeof question->from);
    answers++;
    tp_work_close(work);
    free(question);
}

static void receive(void)
{
    struct question *question = calloc(1, sizeof *question);
    must(question, "memory");
    char *text = question->text;
    if (recvfrom(server_fd, text, sizeof question->text - 1, MSG_DONTWAIT,
                 (struct sockaddr *)&question->from, &(socklen_t){sizeof question->from}) < 0) {
        free(question); /* a damaged datagram */
        return;
    }
    size_t digits = strspn(text, "0123456789");
    question->number = strtoull(text, NULL, 10);
    questions++;
    must(tp_work_create(on_answer, question, on_loop, &question->answer) == TP_OK, "answer");
    if (digits > 0 && digits <= DIGITS_MOST && strcspn(text, "\n") == digits) {
        must(tp_try_submit(on_question, question, on_workers) == TP_OK, "question");
        return;
    }
    strcpy(text, "not a number of at most 15 digits\n");
    tp_work_submit(question->answer);
}

static void run_loop(int epoll_fd)
{
    int *const watched[] = {&server_fd, &signal_fd, &loop_fd};
    struct epoll_event event;
    for (int i = 0; i < 3; i++) {
        event = (struct epoll_event){.events = EPOLLIN, .data.ptr = watched[i]};
        must(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, *watched[i], &event) == 0, "epoll_ctl");
    }
    do {
        must(epoll_wait(epoll_fd, &event, 1, -1) == 1, "epoll_wait");
        if (event.data.ptr == &server_fd)
            receive();
        else if (event.data.ptr == &loop_fd)
            tp_pool_run(loop, BATCH, 0, NULL);
    } while (event.data.ptr != &signal_fd);
}

static tp_env_t *open_pool(const tp_pool_config_t *config, tp_pool_t **pool)
{
    tp_env_t *env;
    must(tp_pool_create(config, pool) == TP_OK, "pool");
    must(tp_env_create(&env) == TP_OK, "environment");
    tp_env_set_pool(env, *pool);
    return env;
}

int main(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    tp_pool_config_t driven = TP_POOL_CONFIG_INIT;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);
    server_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(bind(server_fd, (struct sockaddr *)&name, sizeof name) == 0, "bind");
    getsockname(server_fd, (struct sockaddr *)&name, &(socklen_t){sizeof name});
    driven.flags = TP_POOL_CALLER_DRIVEN;
    on_loop = open_pool(&driven, &loop);
    on_workers = open_pool(NULL, &workers);
    must(tp_pool_poll_fd(loop, &loop_fd) == TP_OK, "tp_pool_poll_fd");
    loop_thread = pthread_self();
    printf("127.0.0.1:%u\n", ntohs(name.sin_port));
    fflush(stdout);
    run_loop(epoll_create1(EPOLL_CLOEXEC));
    /* First the questions, which post their answers; then the answers, which run in this call. */
    must(tp_pool_shutdown(workers, false, TP_INFINITE) == TP_OK, "workers");
    must(tp_pool_shutdown(loop, false, TP_INFINITE) == TP_OK, "loop");
    tp_env_destroy(on_workers);
    tp_env_destroy(on_loop);
    printf("%u questions, %u answers, each on the loop's thread\n", questions, answers);
    return 0;
}
