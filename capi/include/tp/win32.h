/* win32.h - Windows source on Linux: the thread pool and what programs that use it need around it.
 *
 * What windows.h is there. The parts are under tp/win32/; headers with the names that such source
 * includes are under tp/win32/include/, which `pkg-config --cflags tp-win32` puts in the search
 * path. What differs from Windows stands in docs/WINDOWS.md. */
#ifndef TP_WIN32_H
#define TP_WIN32_H

#include "tp/win32/base.h"
#include "tp/win32/clock.h"
#include "tp/win32/environ.h"
#include "tp/win32/file.h"
#include "tp/win32/interlocked.h"
#include "tp/win32/legacy.h"
#include "tp/win32/locks.h"
#include "tp/win32/memory.h"
#include "tp/win32/module.h"
#include "tp/win32/native.h"
#include "tp/win32/status.h"
#include "tp/win32/thread.h"
#include "tp/win32/threadpool.h"
#include "tp/win32/types.h"

#endif
