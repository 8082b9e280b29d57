/* transfer.h - what goes in and out of files: shared by transfer.c, peer.c and ring.c. */
#ifndef TPI_OS_SIM_TRANSFER_H
#define TPI_OS_SIM_TRANSFER_H

#include <sys/uio.h>

#include "core/os/sim/internal.h"

enum tpps_connecting { TPPS_UNCONNECTED, TPPS_BEGUN, TPPS_CONNECTED };

/* What the other side of a file, or the device behind it, has done so far. */
struct tpps_traffic {
    /* a stream */
    uint64_t taken, given; /* bytes read from it and written to it in all */
    uint64_t unread, room; /* and what can be */
    bool ended, hung_up;   /* no more will come; nobody listens either */
    bool nonblocking;      /* the application has set O_NONBLOCK */
    int error;             /* that the next transfer ends with */
    bool listens;
    uint32_t offered; /* connections to accept */
    enum tpps_connecting connecting;
    bool answered; /* the peer has, with `answer`, and no CONNECT has told of it */
    int answer;
    /* a regular file */
    uint64_t size, position;
    int64_t latency;
    bool cached;
    /* both */
    uint32_t transfers;
};
extern struct tpps_traffic tpps_traffic_[TPPS_FILES];
extern bool tpps_calm_; /* nothing happens that the scenario has not said */
void tpps_traffic_changed_(uint32_t file);

/* A request, and the memory that it lends. */
#define TPPS_PARTS 8 /* vectors of a request */
struct tpps_transfer {
    struct tpp_request request;
    struct iovec part[TPPS_PARTS];
    uint32_t parts;
    uint64_t length;
};
uint32_t tpps_transfer_file_(const struct tpp_request *request);
void tpps_transfer_take_(struct tpps_transfer *what, const struct tpp_request *request);
bool tpps_transfer_due_(uint32_t file, const struct tpps_transfer *what); /* no EAGAIN now */
bool tpps_transfer_nonblocking_(uint32_t file, const struct tpps_transfer *what);
int64_t tpps_transfer_latency_(uint32_t file, const struct tpps_transfer *what);
bool tpps_transfer_connect_(uint32_t file);
struct tpp_outcome tpps_transfer_make_(uint32_t file, const struct tpps_transfer *what);
void tpps_transfer_pretend_(uint32_t file, const struct tpps_transfer *what, uint64_t bytes);
void tpps_transfer_show_(const struct tpps_transfer *what, struct tpp_outcome outcome);
void tpps_transfer_check_(const struct tpps_transfer *what);

#endif
