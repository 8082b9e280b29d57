/* content.h - the bytes of files that exist only here, where somebody wants them to be real. */
#ifndef TPI_OS_SIM_CONTENT_H
#define TPI_OS_SIM_CONTENT_H

#include "core/os/sim/internal.h"

/* From now on: what is written stays, for tpps_stream_take or to be read from a regular file. */
void tpps_content_keep(void);

/* As tpps_stream_feed, with these bytes; NULL: any. */
void tpps_stream_send(int number, const void *data, uint64_t size);
/* What was written and not taken yet: as much of it as there is room for. NULL: only counts. */
uint64_t tpps_stream_take(int number, void *buffer, uint64_t size);

/* transfer.c and peer.c */
void tpps_content_new_(uint32_t file);
void tpps_content_feed_(uint32_t file, uint64_t position, const void *data, uint64_t size);
void tpps_content_read_(uint32_t file, uint64_t position, unsigned char *to, uint64_t size);
void tpps_content_write_(uint32_t file, uint64_t position, const void *from, uint64_t size);

#endif
