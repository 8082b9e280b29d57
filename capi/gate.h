/* gate.h - the only judge of arguments: handles, versioned structs, and the report of misuse. */
#ifndef TPI_CAPI_GATE_H
#define TPI_CAPI_GATE_H

#include "core/object/handle.h"
#include "tp/types.h"

/* The object behind a handle, or NULL; see tpi_handle_slot. */
#define tpi_gate_slot(kind, handle, generation_out) \
    (tpp_called(handle), tpi_handle_slot((kind), (const void *)(handle), (generation_out)))

/* Tells the misuse hook if the status is one that a correct program never gets. Returns it. */
tp_status_t tpi_gate_report(const char *function, const void *handle, tp_status_t status);

/* TP_ERR_SYSTEM, with that errno for tp_last_errno. */
tp_status_t tpi_gate_system(int system_errno);

/* The same for a thread that is known already; allocates nothing. */
void tpi_gate_errno(int system_errno);

/* The end of every function of the interface. */
static inline tp_status_t tpi_gate_result(const char *function, const void *handle,
                                          tp_status_t status)
{
    tpp_called(NULL);
    return __builtin_expect(status == TP_OK, 1) ? TP_OK : tpi_gate_report(function, handle, status);
}

/* Reads a versioned struct of the caller's into the library's own newest form: missing fields are
 * zero, unknown ones must be. `size_first` is the size of its first published version. */
tp_status_t tpi_gate_read(void *own, size_t size_own, size_t size_first, const void *given);

/* Is the caller's struct at least as large as its first published version? */
tp_status_t tpi_gate_size(size_t size_first, const void *given);

/* Writes a versioned struct of the library's into the caller's, whose struct_size is kept: what
 * both know is copied, the rest is zeroed. */
void tpi_gate_write(const void *own, size_t size_own, void *given);

#endif
