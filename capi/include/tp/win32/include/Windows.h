/* Windows.h - for source written for Windows: all of tp/win32.h. */
#include "tp/win32.h"
