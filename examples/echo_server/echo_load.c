/* echo_load.c - a crowd of clients for an echo server, well-behaved and otherwise.
 *
 * One thread and plain epoll, whatever the server is made of. Each connection sends a text of
 * its own, cut out of one long table, so that what comes back is compared where it lies. Prints
 * lines of a name and a number; exit status 0 if nothing was lost, wrong or refused. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    TEXT_PERIOD = 65521,    /* prime, so that no two neighbours send the same */
    CHUNK_BYTES = 64 << 10, /* read or written at once */
    CONNECTING_MOST = 256,  /* so that the server's backlog takes them */
    EVENTS_MOST = 512,
    SOURCE_ADDRESSES = 64, /* 127.0.1.x: each has ports of its own */
    TICK_MS = 10,
    DESCRIPTORS_KEPT = 16
};

/* What becomes of a connection that has sent its messages. */
enum manner {
    ORDERLY,    /* has them all back, then closes */
    HALF_CLOSE, /* closes its sending side, then reads up to the end */
    RESET,      /* breaks the connection off, with nothing read */
    NEVER_READ, /* closes it, with nothing read */
    HOLD,       /* is silent until the server closes */
    MANNER_COUNT
};

struct mode {
    const char *name;
    enum manner manner;
    bool mixed;    /* manners in turn: orderly, reset, never read, half-close */
    bool together; /* nobody sends before all are connected */
    bool slow;     /* reads only so much per tick */
    uint64_t bytes, window;
};

static const struct mode modes[] = {
    {.name = "ping", .together = true, .bytes = 64, .window = 64},
    {.name = "pipeline", .together = true, .bytes = 16384, .window = 65536},
    {.name = "slow", .slow = true, .bytes = 16384, .window = 1 << 20},
    {.name = "half", .manner = HALF_CLOSE, .bytes = 100000, .window = 1 << 20},
    {.name = "reset", .manner = RESET, .bytes = 4096, .window = 1 << 20},
    {.name = "hold", .manner = HOLD, .together = true, .bytes = 64, .window = 64},
    {.name = "churn", .mixed = true, .bytes = 64, .window = 1 << 20},
};

struct options {
    const struct mode *mode;
    uint16_t port;
    uint32_t connections; /* at a time */
    uint64_t total;       /* altogether */
    uint64_t bytes;       /* of a message */
    uint64_t window;      /* sent and not back yet, at most */
    uint64_t messages;    /* of each connection; UINT64_MAX: until the time is over */
    uint64_t read_bytes;  /* per tick, if slow */
    double seconds;       /* of sending, once all are connected */
    double timeout;       /* of all */
};

enum state { UNUSED, CONNECTING, CONNECTED, TALKING };

struct client {
    int fd;
    enum state state;
    enum manner manner;
    uint32_t interest;
    uint64_t number; /* of the connection: where its text begins */
    uint64_t messages;
    uint64_t wanted, sent, received; /* bytes; wanted is up to the end of the message begun */
    bool half_closed;
};

struct load {
    struct options options;
    struct client *clients;
    int epoll;
    unsigned char text[TEXT_PERIOD + CHUNK_BYTES];
    unsigned char chunk[CHUNK_BYTES];
    bool begun, stopping;
    double begun_at, stopped_at;
    uint32_t used, used_most, connecting;
    uint64_t opened, connected, over, by_manner[MANNER_COUNT];
    uint64_t messages, sent, received;
    uint64_t wrong, lost, dropped, refused;
};

static volatile sig_atomic_t told_to_stop;

static void on_signal(int signal_number)
{
    (void)signal_number;
    told_to_stop = 1;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "echo_load: %s: %s\n", what, strerror(errno));
    exit(2);
}

static const unsigned char *text_at(const struct load *load, const struct client *client,
                                    uint64_t offset)
{
    return load->text + (client->number * 7919 + offset) % TEXT_PERIOD;
}

/* ---- Connections come and go ----------------------------------------------------------------- */

static void set_interest(struct load *load, struct client *client, uint32_t interest)
{
    struct epoll_event event = {.events = interest, .data.ptr = client};
    int how = client->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (client->interest == interest)
        return;
    if (epoll_ctl(load->epoll, how, client->fd, &event) != 0)
        fail("epoll_ctl");
    client->interest = interest;
}

static void close_client(struct load *load, struct client *client)
{
    if (client->state == CONNECTING)
        load->connecting--;
    close(client->fd);
    client->state = UNUSED;
    load->used--;
    load->over++;
}

static void break_off(struct load *load, struct client *client)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close_client(load, client);
}

static void refused(struct load *load, struct client *client, int error)
{
    if (load->refused++ == 0)
        fprintf(stderr, "echo_load: connect: %s\n", strerror(error));
    close_client(load, client);
}

static void open_client(struct load *load, struct client *client)
{
    static const enum manner turns[] = {ORDERLY, RESET, NEVER_READ, HALF_CLOSE};
    const struct mode *mode = load->options.mode;
    struct sockaddr_in source = {.sin_family = AF_INET};
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(load->options.port)};
    int yes = 1;
    *client = (struct client){.state = CONNECTING, .number = load->opened++};
    client->manner = mode->mixed ? turns[client->number % 4] : mode->manner;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        fail("socket");
    load->connecting++;
    if (++load->used > load->used_most)
        load->used_most = load->used;
    source.sin_addr.s_addr = htonl(0x7f000100u + (uint32_t)(client->number % SOURCE_ADDRESSES));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(client->fd, (struct sockaddr *)&source, sizeof source) != 0)
        fail("bind");
    if (connect(client->fd, (struct sockaddr *)&server, sizeof server) != 0 &&
        errno != EINPROGRESS) {
        refused(load, client, errno);
        return;
    }
    set_interest(load, client, EPOLLOUT);
}

static void open_clients(struct load *load)
{
    const struct options *options = &load->options;
    for (uint32_t i = 0; i < options->connections && load->connecting < CONNECTING_MOST; i++)
        if (load->clients[i].state == UNUSED && load->opened < options->total && !load->stopping)
            open_client(load, &load->clients[i]);
}

/* ---- A connection talks ---------------------------------------------------------------------- */

/* The server has ended it: as it should, or too early. */
static void ended(struct load *load, struct client *client, bool in_order)
{
    bool complete = client->received == client->sent && client->sent == client->wanted;
    if (client->manner == HOLD || (load->stopping && !client->half_closed))
        load->dropped++;
    if (client->manner != RESET && client->manner != NEVER_READ && (!in_order || !complete))
        load->lost++;
    else if (client->manner == ORDERLY && !load->stopping)
        load->lost++;
    close_client(load, client);
}

/* At most so much; false if the connection is over. */
static bool receive(struct load *load, struct client *client, uint64_t most)
{
    while (most > 0) {
        size_t length = most < CHUNK_BYTES ? (size_t)most : CHUNK_BYTES;
        ssize_t got = recv(client->fd, load->chunk, length, 0);
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got <= 0) {
            ended(load, client, got == 0);
            return false;
        }
        if (memcmp(load->chunk, text_at(load, client, client->received), (size_t)got) != 0)
            load->wrong++;
        client->received += (uint64_t)got;
        load->received += (uint64_t)got;
        if (client->received > client->sent)
            load->wrong++;
        most -= (uint64_t)got;
        if ((size_t)got < length)
            return true;
    }
    return true;
}

static bool may_begin(const struct load *load, const struct client *client)
{
    const struct options *options = &load->options;
    return !load->stopping && client->messages < options->messages &&
           client->wanted == client->sent &&
           client->sent - client->received + options->bytes <= options->window;
}

/* As much as the window and the system take; false if the connection is over. */
static bool transmit(struct load *load, struct client *client)
{
    for (;;) {
        if (may_begin(load, client)) {
            client->wanted += load->options.bytes;
            client->messages++;
        }
        uint64_t rest = client->wanted - client->sent;
        if (rest == 0)
            return true;
        size_t length = rest < CHUNK_BYTES ? (size_t)rest : CHUNK_BYTES;
        ssize_t put = send(client->fd, text_at(load, client, client->sent), length, MSG_NOSIGNAL);
        if (put < 0 && errno == EAGAIN)
            return true;
        if (put < 0) {
            ended(load, client, false);
            return false;
        }
        client->sent += (uint64_t)put;
        load->sent += (uint64_t)put;
    }
}

/* All has been sent: what this one does next. False if the connection is over. */
static bool finish(struct load *load, struct client *client)
{
    bool complete = client->received == client->sent;
    if (client->manner == HALF_CLOSE && !client->half_closed) {
        shutdown(client->fd, SHUT_WR);
        client->half_closed = true;
    } else if (client->manner == RESET || (client->manner == HOLD && complete && load->stopping)) {
        break_off(load, client);
        return false;
    } else if (client->manner == NEVER_READ || (client->manner == ORDERLY && complete)) {
        close_client(load, client);
        return false;
    }
    return true;
}

static bool has_sent_all(const struct load *load, const struct client *client)
{
    return client->sent == client->wanted &&
           (load->stopping || client->messages == load->options.messages);
}

static void talk(struct load *load, struct client *client, uint64_t read_most)
{
    bool deaf = client->manner == RESET || client->manner == NEVER_READ;
    uint64_t before = client->received / load->options.bytes;
    if ((!deaf && !receive(load, client, read_most)) || !transmit(load, client))
        return;
    load->messages += client->received / load->options.bytes - before;
    if (has_sent_all(load, client) && !finish(load, client))
        return;
    set_interest(load, client,
                 (client->sent < client->wanted ? EPOLLOUT : 0) |
                     (deaf || load->options.mode->slow ? EPOLLRDHUP : EPOLLIN));
}

static void begin(struct load *load, struct client *client)
{
    client->state = TALKING;
    load->by_manner[client->manner]++;
    talk(load, client, 0);
}

/* The connection stands, or does not. */
static void arrive(struct load *load, struct client *client)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        refused(load, client, error);
        return;
    }
    load->connecting--;
    load->connected++;
    client->state = CONNECTED;
    if (load->begun)
        begin(load, client);
    else
        set_interest(load, client, EPOLLRDHUP);
}

static void on_event(struct load *load, struct client *client, uint32_t events)
{
    bool slow = load->options.mode->slow;
    if (client->state == CONNECTING)
        arrive(load, client);
    else if (client->state == CONNECTED && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        ended(load, client, false);
    else if (client->state == TALKING)
        talk(load, client, slow && (events & (EPOLLHUP | EPOLLERR)) == 0 ? 0 : UINT64_MAX);
}

/* ---- The run --------------------------------------------------------------------------------- */

/* Those who wait for the others, for the time to be over, or for their next sip. */
static void look_at_all(struct load *load)
{
    bool slow = load->options.mode->slow;
    for (uint32_t i = 0; i < load->options.connections; i++) {
        struct client *client = &load->clients[i];
        if (client->state == CONNECTED && load->begun)
            begin(load, client);
        else if (client->state == TALKING && (slow || load->stopping))
            talk(load, client, slow ? load->options.read_bytes : UINT64_MAX);
    }
}

static void look_at_clock(struct load *load)
{
    const struct options *options = &load->options;
    double time = now();
    bool all = load->connected + load->refused >= options->connections;
    bool begins = !load->begun && (!options->mode->together || all);
    if (begins) {
        load->begun = true;
        load->begun_at = time;
    }
    bool late = told_to_stop || time - load->begun_at >= options->seconds;
    bool stops = load->begun && !load->stopping && late;
    if (stops)
        load->stopping = true;
    if (begins || stops || options->mode->slow)
        look_at_all(load);
}

/* False: not all came to their end in time. */
static bool run(struct load *load)
{
    struct epoll_event events[EVENTS_MOST];
    double start = now();
    while (load->used > 0 || (load->opened < load->options.total && !load->stopping)) {
        open_clients(load);
        look_at_clock(load);
        int count = epoll_wait(load->epoll, events, EVENTS_MOST, TICK_MS);
        if (count < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < count; i++)
            on_event(load, events[i].data.ptr, events[i].events);
        if (now() - start > load->options.timeout)
            break;
    }
    load->stopped_at = now();
    return load->used == 0;
}

static bool report(const struct load *load, bool in_time)
{
    double seconds = load->stopped_at - load->begun_at;
    printf("connections %" PRIu64 "\nat_once %u\n", load->connected, load->used_most);
    printf("orderly %" PRIu64 "\nhalf_closed %" PRIu64 "\nreset %" PRIu64 "\nnever_read %" PRIu64
           "\nheld %" PRIu64 "\n",
           load->by_manner[ORDERLY], load->by_manner[HALF_CLOSE], load->by_manner[RESET],
           load->by_manner[NEVER_READ], load->by_manner[HOLD]);
    printf("messages %" PRIu64 "\nbytes_sent %" PRIu64 "\nbytes_received %" PRIu64 "\n",
           load->messages, load->sent, load->received);
    printf("wrong %" PRIu64 "\nlost %" PRIu64 "\ndropped_by_server %" PRIu64 "\nrefused %" PRIu64
           "\nunfinished %u\n",
           load->wrong, load->lost, load->dropped, load->refused, load->used);
    printf("seconds %.3f\nmessages_per_second %.0f\nconnections_per_second %.0f\n", seconds,
           (double)load->messages / seconds, (double)load->connected / seconds);
    return in_time && load->wrong == 0 && load->lost == 0 && load->refused == 0;
}

/* ---- The command line ------------------------------------------------------------------------ */

static const char usage[] =
    "Usage: echo_load --port N [options] MODE\n"
    "Connects to an echo server on this machine and checks what comes back. SIGTERM: the time of\n"
    "sending is over.\n"
    "\n"
    "  ping      one message at a time, to and fro, until the time is over\n"
    "  pipeline  16 KiB messages, 64 KiB of them on the way, until the time is over\n"
    "  slow      as pipeline with --messages, but reads only so much every 10 ms\n"
    "  half      closes the sending side after --messages, then reads the rest\n"
    "  reset     breaks the connection off after --messages, without reading\n"
    "  hold      is silent after --messages, until the server closes or the time is over\n"
    "  churn     as many as --total one after the other: orderly, reset, never reading, half\n"
    "\n"
    "  --port N         of the server\n"
    "  --connections N  at a time (default 64)\n"
    "  --total N        altogether (default as many as at a time)\n"
    "  --bytes N        of a message\n"
    "  --window N       bytes on the way at most\n"
    "  --messages N     of each connection (default 1; ping, pipeline: no limit)\n"
    "  --read N         bytes that a slow one reads every 10 ms (default 4096)\n"
    "  --seconds S      of sending (default 5 for ping, pipeline; else no limit)\n"
    "  --timeout S      for all of it (default 60)\n";

static double parse_number(const char *name, const char *text, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && *end == '\0' && value > 0 && value <= most)
        return value;
    fprintf(stderr, "echo_load: --%s: '%s' is no number above 0 and up to %.0f\n", name, text,
            most);
    exit(2);
}

/* More than the system allows are cut down to that, and told. */
static void fit_descriptors(struct options *options)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        fail("RLIMIT_NOFILE");
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    rlim_t most = limit.rlim_max > DESCRIPTORS_KEPT ? limit.rlim_max - DESCRIPTORS_KEPT : 1;
    if (options->connections > most) {
        fprintf(stderr, "echo_load: only %ju connections at a time: RLIMIT_NOFILE\n",
                (uintmax_t)most);
        options->connections = (uint32_t)most;
    }
}

static void complete_options(struct options *options, const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(name, modes[i].name) == 0)
            options->mode = &modes[i];
    if (options->mode == NULL || options->port == 0) {
        fputs(usage, stderr);
        exit(2);
    }
    bool endless = options->mode->together && options->mode->manner == ORDERLY;
    if (options->bytes == 0)
        options->bytes = options->mode->bytes;
    if (options->window == 0)
        options->window = options->mode->window;
    if (options->window < options->bytes)
        options->window = options->bytes;
    if (options->seconds == 0)
        options->seconds = endless && options->messages == 0 ? 5 : 1e9;
    if (options->messages == 0)
        options->messages = endless ? UINT64_MAX : 1;
    fit_descriptors(options);
    if (options->total < options->connections)
        options->total = options->connections;
}

static void parse(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},    {"connections", required_argument, NULL, 'c'},
        {"total", required_argument, NULL, 'n'},   {"bytes", required_argument, NULL, 'b'},
        {"window", required_argument, NULL, 'w'},  {"messages", required_argument, NULL, 'm'},
        {"read", required_argument, NULL, 'r'},    {"seconds", required_argument, NULL, 's'},
        {"timeout", required_argument, NULL, 't'}, {0}};
    int option, index;
    *options = (struct options){.connections = 64, .read_bytes = 4096, .timeout = 60};
    while ((option = getopt_long(argc, argv, "", names, &index)) != -1) {
        const char *name = option == '?' ? "" : names[index].name;
        if (option == 'p')
            options->port = (uint16_t)parse_number(name, optarg, 65535);
        else if (option == 'c')
            options->connections = (uint32_t)parse_number(name, optarg, 1e6);
        else if (option == 'n')
            options->total = (uint64_t)parse_number(name, optarg, 1e12);
        else if (option == 'b')
            options->bytes = (uint64_t)parse_number(name, optarg, 1e12);
        else if (option == 'w')
            options->window = (uint64_t)parse_number(name, optarg, 1e12);
        else if (option == 'm')
            options->messages = (uint64_t)parse_number(name, optarg, 1e12);
        else if (option == 'r')
            options->read_bytes = (uint64_t)parse_number(name, optarg, 1e12);
        else if (option == 's')
            options->seconds = parse_number(name, optarg, 1e9);
        else if (option == 't')
            options->timeout = parse_number(name, optarg, 1e9);
        else
            exit(2);
    }
    complete_options(options, optind == argc - 1 ? argv[optind] : "");
}

int main(int argc, char **argv)
{
    static struct load load;
    uint32_t random = 1;
    parse(argc, argv, &load.options);
    signal(SIGTERM, on_signal);
    for (size_t i = 0; i < sizeof load.text; i++) {
        random = random * 1664525 + 1013904223;
        load.text[i] = i < TEXT_PERIOD ? (unsigned char)(random >> 24) : load.text[i - TEXT_PERIOD];
    }
    load.clients = calloc(load.options.connections, sizeof *load.clients);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.clients == NULL || load.epoll < 0)
        fail("start");
    bool in_time = run(&load);
    bool fine = report(&load, in_time);
    free(load.clients);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}
