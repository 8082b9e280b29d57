/* errhandlingapi.h - for source that includes it by this name: all of tp/win32.h. */
#include "tp/win32.h"
