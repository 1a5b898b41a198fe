/* cairn_status.h: what a core function that can fail returns.
 *
 * The enum is closed and its values are never renumbered: they may be stored and logged. */
#ifndef CAIRN_STATUS_H
#define CAIRN_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cairn_status {
    CAIRN_OK = 0,
    CAIRN_ERR_SYNTAX = 1,     /* the input breaks the format's grammar */
    CAIRN_ERR_INCOMPLETE = 2, /* the input is a proper prefix of something valid */
    CAIRN_ERR_TOO_BIG = 3,    /* a named limit would be exceeded */
    CAIRN_ERR_NO_SPACE = 4,   /* the caller's buffer is too small */
    CAIRN_ERR_NO_MEMORY = 5,  /* an allocation failed */
    CAIRN_ERR_ARGUMENT = 6,   /* the call breaks the function's contract */
    CAIRN_ERR_NOT_FOUND = 7   /* nothing answers to what was asked for */
} cairn_status;

/* A fixed English name ("syntax error", ...). Never NULL, also for values not listed above. View: for ever.
 */
const char *cairn_status_text(cairn_status status);

#ifdef __cplusplus
}
#endif

#endif
