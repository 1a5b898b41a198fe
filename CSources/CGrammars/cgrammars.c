/* cgrammars.c: finds an installed grammar by its name. */
#include "cgrammars_int.h"

#include <string.h>

const TSLanguage *cgrammars_find(const char *name) {
    for (const cgrammars_entry *entry = cgrammars_table; entry->name != NULL; entry += 1) {
        if (strcmp(entry->name, name) == 0) return entry->language();
    }
    return NULL;
}
