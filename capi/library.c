/* library.c - version, and the texts of status codes. */
#include "tp/library.h"

#include "tp/version.h"

uint32_t tp_version(void)
{
    return TP_VERSION_NUMBER;
}

const char *tp_version_string(void)
{
    return TP_VERSION_STRING;
}

/* Both texts come from the one list in tp/types.h, so that a status cannot lack one. */
#define NAME_OF_STATUS(name, value, message) \
    case name: \
        return #name;
#define MESSAGE_OF_STATUS(name, value, message) \
    case name: \
        return message;

const char *tp_status_name(tp_status_t status)
{
    switch (status) {
        TP_STATUS_MAP(NAME_OF_STATUS)
    default:
        return "TP_ERR_UNKNOWN";
    }
}

const char *tp_status_message(tp_status_t status)
{
    switch (status) {
        TP_STATUS_MAP(MESSAGE_OF_STATUS)
    default:
        return "The status is not known to this version of the library.";
    }
}
