/* assert.h - brutal inside: a broken invariant of the library ends the process and says so. */
#ifndef TPI_BASE_ASSERT_H
#define TPI_BASE_ASSERT_H

#include "core/os/os.h"

#define TPI_STRING_(x) #x
#define TPI_STRING(x) TPI_STRING_(x)
#define tpi_assert(condition) \
    (__builtin_expect(!!(condition), 1) \
         ? (void)0 \
         : tpp_abort("BUG IN TP: " #condition " (" __FILE__ ":" TPI_STRING(__LINE__) ")"))
#define tpi_unreachable(why) tpp_abort("BUG IN TP: " why " (" __FILE__ ":" TPI_STRING(__LINE__) ")")

#endif
