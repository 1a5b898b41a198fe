/* cgrammars.h: the tree-sitter grammars that set-up has compiled.
 *
 * Used by the Swift face of the outline room, its C tests and its benchmark. Programs of other people that link
 * the outline room bring grammars of their own and do not need this one. Without grammars (make setup-min) every
 * look-up says so. */
#ifndef CGRAMMARS_H
#define CGRAMMARS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TSLanguage TSLanguage;

/* The grammar called tree_sitter_<name> ("rust", "c_sharp", ...), or NULL when it is not installed. View: for
 * ever, constant; any thread. Cost: a comparison a grammar. */
const TSLanguage *cgrammars_find(const char *name);

#ifdef __cplusplus
}
#endif

#endif
