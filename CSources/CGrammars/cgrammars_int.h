/* cgrammars_int.h: what the look-up and the table written at set-up agree on. */
#ifndef CGRAMMARS_INT_H
#define CGRAMMARS_INT_H

#include "cgrammars.h"

typedef struct cgrammars_entry {
    const char *name;
    const TSLanguage *(*language)(void);
} cgrammars_entry;

/* Ends with an entry without a name. Defined in installed/cgrammars_table.c, see build.sh. */
extern const cgrammars_entry cgrammars_table[];

#endif
