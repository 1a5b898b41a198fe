/* cgrammars_typescript_scanner.c: the hand-written half of the TypeScript and TSX lexers, which their archive lacks.
 *
 * Compiled twice by build.sh, with GRAMMAR as typescript and tsx. The grammar says which tokens it leaves to us and in
 * which order (enum ts_external_scanner_symbol_identifiers in its parser.c); what they are follows from ECMAScript:
 *
 *     a = b       the end of the line ends the statement (ECMA-262, 12.10), unless the next line goes on:
 *       + c       "+ c" does, "++c" does not
 *     x ? y : z   a question mark that is neither "?." nor "??"
 *     `ab${c}`    characters of a template up to "${", a backslash or the end
 *     <p>ab</p>   text of a JSX element (a line end and the blanks after it are no text)
 *     <!-- ab     comments of web browsers (ECMA-262, B.1.1)
 *
 * A scanner has no state and reads at most up to the next token behind white space and comments. */
#include "tree_sitter/parser.h"

#include <wctype.h>

enum token {
    AUTOMATIC_SEMICOLON,
    TEMPLATE_CHARACTERS,
    TERNARY_QUESTION_MARK,
    HTML_COMMENT,
    BINARY_OPERATOR, /* "||", never produced here: valid exactly where an expression may go on */
    ESCAPE_SEQUENCE, /* this one and the next are not produced either: they tell strings and patterns */
    REGEX_PATTERN,
    JSX_TEXT,
    SIGNATURE_SEMICOLON, /* behind a function without a body: an overload, or a declaration */
    ERROR_RECOVERY       /* valid only while the parser looks for any token at all */
};

static void advance(TSLexer *lexer) { lexer->advance(lexer, false); }

static void skip(TSLexer *lexer) { lexer->advance(lexer, true); }

static bool is_line_end(int32_t character) {
    return character == '\n' || character == 0x2028 || character == 0x2029;
}

/* Skips the word if it is next. On failure some of its front may have been skipped. */
static bool skip_word(TSLexer *lexer, const char *word) {
    for (; *word != '\0'; word += 1) {
        if (lexer->lookahead != *word) return false;
        skip(lexer);
    }
    return true;
}

typedef struct gap {
    bool has_line_end;
    bool has_comment;
    bool is_division; /* a slash that begins no comment has been skipped */
} gap;

static void skip_line(TSLexer *lexer) {
    while (!lexer->eof(lexer) && !is_line_end(lexer->lookahead)) skip(lexer);
}

/* Behind the opening of a block comment. */
static void skip_block(TSLexer *lexer, gap *found) {
    while (!lexer->eof(lexer)) {
        if (lexer->lookahead == '*') {
            skip(lexer);
            if (lexer->lookahead != '/') continue;
            skip(lexer);
            return;
        }
        found->has_line_end |= is_line_end(lexer->lookahead);
        skip(lexer);
    }
}

/* White space and comments up to the next token. */
static gap skip_gap(TSLexer *lexer) {
    gap found = {0};
    for (;;) {
        if (is_line_end(lexer->lookahead)) {
            found.has_line_end = true;
            skip(lexer);
        } else if (iswspace((wint_t)lexer->lookahead)) {
            skip(lexer);
        } else if (lexer->lookahead == '/') {
            skip(lexer);
            if (lexer->lookahead == '/') {
                skip_line(lexer);
            } else if (lexer->lookahead == '*') {
                skip(lexer);
                skip_block(lexer, &found);
            } else {
                found.is_division = true;
                return found;
            }
            found.has_comment = true;
        } else {
            return found;
        }
    }
}

/* True if a token that begins with the next character cannot go on the statement of the line before. */
static bool begins_statement(TSLexer *lexer, const bool *valid) {
    switch (lexer->lookahead) {
    case '`':
    case ',':
    case ';':
    case '*':
    case '%':
    case '>':
    case '<':
    case '=':
    case '?':
    case ':':
    case '^':
    case '|':
    case '&':
        return false;
    case '(':
    case '[': /* a call or an element, but in a type the next member */
        return !valid[BINARY_OPERATOR];
    case '{': /* the body of the function, were it a signature */
        return !valid[SIGNATURE_SEMICOLON];
    case '.': /* .5 is a number */
        skip(lexer);
        return iswdigit((wint_t)lexer->lookahead);
    case '+': /* ++a and --a begin a statement, + a and - a do not */
        skip(lexer);
        return lexer->lookahead == '+';
    case '-':
        skip(lexer);
        return lexer->lookahead == '-';
    case '!':
        skip(lexer);
        return lexer->lookahead != '=';
    case 'i': /* the operators in and instanceof, but not a name that begins like one */
        skip(lexer);
        if (lexer->lookahead != 'n') return true;
        skip(lexer);
        if (!iswalnum((wint_t)lexer->lookahead)) return false;
        return !skip_word(lexer, "stanceof") || iswalnum((wint_t)lexer->lookahead);
    default:
        return true;
    }
}

/* The statement ends here, without a semicolon: at a closing brace, the end of the text, or a line end before a token
 * that cannot go on. The token itself is empty. */
static bool scan_semicolon(TSLexer *lexer, const bool *valid, gap *out_gap) {
    lexer->result_symbol = valid[AUTOMATIC_SEMICOLON] ? AUTOMATIC_SEMICOLON : SIGNATURE_SEMICOLON;
    lexer->mark_end(lexer);
    *out_gap = skip_gap(lexer);
    if (out_gap->is_division) return false;
    if (lexer->eof(lexer) || lexer->lookahead == '}') return true;
    return out_gap->has_line_end && begins_statement(lexer, valid);
}

static bool scan_question_mark(TSLexer *lexer) {
    while (iswspace((wint_t)lexer->lookahead)) skip(lexer);
    if (lexer->lookahead != '?') return false;
    advance(lexer);
    if (lexer->lookahead == '?') return false;
    lexer->mark_end(lexer);
    lexer->result_symbol = TERNARY_QUESTION_MARK;
    if (lexer->lookahead == '.') { /* "?.5" is a question mark and a number, "?.a" an optional member */
        advance(lexer);
        return iswdigit((wint_t)lexer->lookahead);
    }
    /* An optional parameter or member ends here: "a?: T", "a?)", "a?,"; the grammar has its own mark for these. */
    while (iswspace((wint_t)lexer->lookahead)) advance(lexer);
    return lexer->lookahead != ':' && lexer->lookahead != ')' && lexer->lookahead != ',';
}

static bool scan_template(TSLexer *lexer) {
    lexer->result_symbol = TEMPLATE_CHARACTERS;
    for (bool has_any = false;; has_any = true) {
        lexer->mark_end(lexer);
        if (lexer->eof(lexer)) return false;
        if (lexer->lookahead == '`' || lexer->lookahead == '\\') return has_any;
        if (lexer->lookahead == '$') {
            advance(lexer);
            if (lexer->lookahead == '{') return has_any;
        } else {
            advance(lexer);
        }
    }
}

static bool scan_jsx_text(TSLexer *lexer) {
    bool has_text = false;
    bool is_indent = false; /* behind a line end, with nothing but blanks since */
    lexer->result_symbol = JSX_TEXT;
    for (; !lexer->eof(lexer); advance(lexer)) {
        switch (lexer->lookahead) {
        case '<':
        case '>':
        case '{':
        case '}':
        case '&':
            return has_text;
        case '\n':
            is_indent = true;
            break;
        default:
            is_indent = is_indent && iswspace((wint_t)lexer->lookahead);
            has_text = has_text || !is_indent;
        }
    }
    return has_text;
}

static bool scan_html_comment(TSLexer *lexer) {
    while (iswspace((wint_t)lexer->lookahead) || is_line_end(lexer->lookahead)) skip(lexer);
    const char *mark = lexer->lookahead == '<' ? "<!--" : "-->";
    for (; *mark != '\0'; mark += 1) {
        if (lexer->lookahead != *mark) return false;
        advance(lexer);
    }
    while (!lexer->eof(lexer) && !is_line_end(lexer->lookahead)) advance(lexer);
    lexer->result_symbol = HTML_COMMENT;
    lexer->mark_end(lexer);
    return true;
}

static bool scan(TSLexer *lexer, const bool *valid) {
    if (valid[TEMPLATE_CHARACTERS]) return !valid[AUTOMATIC_SEMICOLON] && scan_template(lexer);
    if (valid[JSX_TEXT] && scan_jsx_text(lexer)) return true;
    if (valid[AUTOMATIC_SEMICOLON] || valid[SIGNATURE_SEMICOLON]) {
        gap passed;
        if (scan_semicolon(lexer, valid, &passed)) return true;
        const bool is_question = valid[TERNARY_QUESTION_MARK] && lexer->lookahead == '?';
        return is_question && !passed.has_comment && !passed.is_division && scan_question_mark(lexer);
    }
    if (valid[TERNARY_QUESTION_MARK]) return scan_question_mark(lexer);
    const bool is_statement = !valid[BINARY_OPERATOR] && !valid[ESCAPE_SEQUENCE] && !valid[REGEX_PATTERN];
    return valid[HTML_COMMENT] && is_statement && scan_html_comment(lexer);
}

#define JOIN_NAMES(front, name, back) front##name##back
#define JOIN(front, name, back) JOIN_NAMES(front, name, back)
#define FUNCTION(verb) JOIN(tree_sitter_, GRAMMAR, _external_scanner_##verb)

void *FUNCTION(create)(void) { return NULL; }

void FUNCTION(destroy)(void *state) {}

unsigned FUNCTION(serialize)(void *state, char *buffer) { return 0; }

void FUNCTION(deserialize)(void *state, const char *buffer, unsigned length) {}

bool FUNCTION(scan)(void *state, TSLexer *lexer, const bool *valid) { return scan(lexer, valid); }
