/* cairn_status.c: the names of the status values. */
#include "cairn_status.h"

const char *cairn_status_text(cairn_status status) {
    switch (status) {
    case CAIRN_OK:
        return "ok";
    case CAIRN_ERR_SYNTAX:
        return "syntax error";
    case CAIRN_ERR_INCOMPLETE:
        return "incomplete input";
    case CAIRN_ERR_TOO_BIG:
        return "a limit was exceeded";
    case CAIRN_ERR_NO_SPACE:
        return "buffer too small";
    case CAIRN_ERR_NO_MEMORY:
        return "out of memory";
    case CAIRN_ERR_ARGUMENT:
        return "wrong argument";
    case CAIRN_ERR_NOT_FOUND:
        return "not found";
    }
    return "unknown status";
}
