/* cairn_snippet_word.c: what is a word between dividers? Each kind is asked in turn, the most particular
 * first; also the kinds that are words as they stand: environment variables, error codes, exceptions, log
 * levels, hashes, UUIDs. */
#include "cairn_snippet_int.h"

/* Error codes */

enum { CODE_LETTERS_MAX = 4, CODE_DIGITS_MIN = 3, CODE_DIGITS_MAX = 5, UPPER_WORD_MAX = 64 };

/* Families of codes: rustc and flake8 E; pylint C R W F; flake8 plugins A ANN ARG B COM D DTZ EM ERA FBT G I
 * ICN INP ISC N PERF PGH PIE PL PLC PLE PLR PLW PT PTH PYI Q RET RSE RUF S SIM SLF T TCH TD TID TRY UP YTT;
 * TypeScript TS; C# CS; shellcheck SC; MSVC C, linker LNK; MSBuild MSB; NuGet NU; hadolint DL; Stylelint
 * none. */
static const cairn_snippet_words code_families = {
    ['A'] = "A ANN ARG",
    ['B'] = "B BC",
    ['C'] = "C CA COM CS",
    ['D'] = "D DL DTZ",
    ['E'] = "E EM ERA",
    ['F'] = "F FBT",
    ['I'] = "I ICN IDE INP ISC",
    ['L'] = "LNK",
    ['M'] = "MSB",
    ['N'] = "N NU",
    ['P'] = "PERF PGH PIE PL PLC PLE PLR PLW PT PTH PYI",
    ['Q'] = "Q",
    ['R'] = "R RET RSE RUF",
    ['S'] = "S SC SIM SLF",
    ['T'] = "T TCH TD TID TRY TS",
    ['U'] = "UP",
    ['W'] = "W",
    ['Y'] = "YTT",
};

bool cairn_snippet_is_code(const cairn_snippet_finder *self, size_t start, size_t end) {
    const size_t digits = pass_over(self, start, end, CLASS_UPPER);
    const size_t letter_count = digits - start, digit_count = end - digits;
    if (letter_count == 0 || letter_count > CODE_LETTERS_MAX) return false;
    if (digit_count < CODE_DIGITS_MIN || digit_count > CODE_DIGITS_MAX) return false;
    if (pass_over(self, digits, end, CLASS_DIGIT) != end) return false;
    return cairn_snippet_is_listed(self->text + start, letter_count, code_families);
}

/* The names of POSIX and Linux errno.h that programs print, without their E. */
static const cairn_snippet_words errno_names = {
    ['2'] = "2BIG",
    ['A'] = "ACCES ADDRINUSE ADDRNOTAVAIL AFNOSUPPORT AGAIN AI_AGAIN ALREADY",
    ['B'] = "BADF BADMSG BUSY",
    ['C'] = "CANCELED CHILD CONNABORTED CONNREFUSED CONNRESET",
    ['D'] = "DEADLK DESTADDRREQ DOM DQUOT",
    ['E'] = "EXIST",
    ['F'] = "FAULT FBIG",
    ['H'] = "HOSTDOWN HOSTUNREACH",
    ['I'] = "ILSEQ INPROGRESS INTEGRITY INTR INVAL IO ISCONN ISDIR",
    ['L'] = "LIFECYCLE LOOP",
    ['M'] = "MFILE MLINK MSGSIZE",
    ['N'] = "NAMETOOLONG NETDOWN NETRESET NETUNREACH NFILE NOBUFS NODATA NODEV NOENT NOEXEC NOLCK NOMEM "
            "NOPROTOOPT NOSPC NOSYS NOTBLK NOTCONN NOTDIR NOTEMPTY NOTFOUND NOTSOCK NOTSUP NOTTY NXIO",
    ['O'] = "OPNOTSUPP OVERFLOW",
    ['P'] = "PERM PIPE PROTO PROTONOSUPPORT PROTOTYPE",
    ['R'] = "RANGE RESOLVE ROFS",
    ['S'] = "SPIPE SRCH STALE",
    ['T'] = "TARGET TIME TIMEDOUT TXTBSY",
    ['U'] = "UNSUPPORTED",
    ['W'] = "WOULDBLOCK",
    ['X'] = "XDEV",
};

static const cairn_snippet_words signal_names = {
    ['A'] = "ABRT ALRM",
    ['B'] = "BUS",
    ['C'] = "CHLD CONT",
    ['F'] = "FPE",
    ['H'] = "HUP",
    ['I'] = "ILL INT IO",
    ['K'] = "KILL",
    ['P'] = "PIPE PROF PWR",
    ['Q'] = "QUIT",
    ['S'] = "SEGV STKFLT STOP SYS",
    ['T'] = "TERM TRAP TSTP TTIN TTOU",
    ['U'] = "URG USR1 USR2",
    ['V'] = "VTALRM",
    ['W'] = "WINCH",
    ['X'] = "XCPU XFSZ",
};

static bool is_system_code(const uint8_t *word, size_t length) {
    if (length > 3 && memcmp(word, "SIG", 3) == 0)
        return cairn_snippet_is_listed(word + 3, length - 3, signal_names);
    if (length > 6 && memcmp(word, "ERR_", 4) == 0) return true;
    return length > 3 && word[0] == 'E' && cairn_snippet_is_listed(word + 1, length - 1, errno_names);
}

/* `ENOENT (No such file or directory)`: what strace and perror-like output put behind the name. */
static void message_in_parentheses(cairn_snippet_finder *self, size_t code_end) {
    if (byte_at(self, code_end) != ' ' || byte_at(self, code_end + 1) != '(') return;
    const size_t start = code_end + 2, limit = start + CAIRN_SNIPPET_NAME_BYTES_MAX;
    size_t end = start;
    while (end < self->length && end < limit && self->text[end] != ')' && self->text[end] != '\n') end += 1;
    if (byte_at(self, end) == ')' && is_at(self, start, CLASS_UPPER))
        cairn_snippet_message(self, start, end, 80);
}

/* How the names of exceptions end; those of the second list only where a module stands in front. */
static bool has_exception_tail(const cairn_snippet_finder *self, size_t end, bool has_module) {
    switch (byte_at(self, end - 1)) {
    case 'r':
        return STANDS_BEFORE(self, end, "Error");
    case 'n':
        return STANDS_BEFORE(self, end, "Exception") || STANDS_BEFORE(self, end, "StopIteration") ||
               (has_module && STANDS_BEFORE(self, end, "InvalidOperation"));
    case 'g':
        return STANDS_BEFORE(self, end, "Warning");
    case 'p':
        return STANDS_BEFORE(self, end, "ExceptionGroup");
    case 't':
        return STANDS_BEFORE(self, end, "Interrupt") || STANDS_BEFORE(self, end, "SystemExit") ||
               (has_module && STANDS_BEFORE(self, end, "Timeout"));
    case 'd':
        return has_module && (STANDS_BEFORE(self, end, "Refused") || STANDS_BEFORE(self, end, "NotFound"));
    case 'e':
        return has_module && STANDS_BEFORE(self, end, "Failure");
    case 'o':
        return has_module && STANDS_BEFORE(self, end, "DivisionByZero");
    default:
        return false;
    }
}

bool cairn_snippet_is_exception(const cairn_snippet_finder *self, size_t start, size_t end) {
    if (end - start < 5) return false;
    size_t name = end;
    while (name > start && is_at(self, name - 1, CLASS_NAME | CLASS_DOLLAR)) name -= 1;
    if (!is_at(self, name, CLASS_UPPER) || !is_at(self, name + 1, CLASS_LETTER)) return false;
    return has_exception_tail(self, end, name > start) &&
           pass_over(self, start, end, CLASS_NAME | CLASS_DOT | CLASS_DOLLAR) == end;
}

static const cairn_snippet_words levels = {
    ['a'] = "alert",
    ['c'] = "crit critical",
    ['e'] = "emerg err error",
    ['f'] = "fatal",
    ['p'] = "panic",
    ['s'] = "severe",
};

int cairn_snippet_level(const cairn_snippet_finder *self, size_t start, size_t end) {
    uint8_t lower[10];
    const size_t length = end - start;
    if (length < 3 || length > sizeof lower) return 0;
    for (size_t i = 0; i < length; i += 1) lower[i] = self->text[start + i] | 0x20;
    if (lower[0] == 'w') return cairn_snippet_is_in_list(lower, length, "warn warning") ? 1 : 0;
    return cairn_snippet_is_listed(lower, length, levels) ? 2 : 0;
}

/* Environment variables */

static bool is_variable_name(const cairn_snippet_finder *self, size_t start, size_t end) {
    return end - start >= 2 && is_at(self, start, CLASS_UPPER | CLASS_UNDERSCORE) &&
           pass_over(self, start, end, CLASS_UPPER | CLASS_DIGIT | CLASS_UNDERSCORE) == end;
}

/* True when nothing but blanks and the dash of a list stands between the start of the line and `start`. */
static bool is_first_on_line(const cairn_snippet_finder *self, size_t start) {
    size_t index = blanks_before(self, start);
    if (index >= self->line_start + 1 && self->text[index - 1] == '-' && start > index)
        index = blanks_before(self, index - 1);
    return index == self->line_start;
}

static bool is_yaml_variable(const cairn_snippet_finder *self, size_t start, size_t end) {
    if (byte_at(self, end) != ':' || !is_at(self, end + 1, CLASS_SPACE) || !is_first_on_line(self, start))
        return false;
    if (cairn_snippet_level(self, start, end) > 0) return false;
    const bool has_underscore = memchr(self->text + start, '_', end - start) != NULL;
    return has_underscore || (start - self->line_start >= 2 && end - start >= 4);
}

static bool is_read_as_variable(const cairn_snippet_finder *self, size_t quote) {
    return STANDS_BEFORE(self, quote, "environ[") || STANDS_BEFORE(self, quote, "getenv(") ||
           STANDS_BEFORE(self, quote, "environ.get(") || STANDS_BEFORE(self, quote, "env::var(") ||
           STANDS_BEFORE(self, quote, "env::var_os(") || STANDS_BEFORE(self, quote, "process.env[") ||
           STANDS_BEFORE(self, quote, "Getenv(") || STANDS_BEFORE(self, quote, "ENV[");
}

/* True when the upper-case word in front of `end`, where its name ends, is the name of an environment
 * variable. */
static bool is_variable(const cairn_snippet_finder *self, size_t start, size_t end) {
    const uint8_t before = byte_at(self, start - 1), after = byte_at(self, end);
    if (!is_variable_name(self, start, end)) return false;
    if (before == '{' && byte_at(self, start - 2) == '$') return true;
    if (after == '=' && byte_at(self, end + 1) != '=')
        return start == 0 || is_at(self, start - 1, CLASS_SPACE) || before == '(' || before == '"' ||
               before == '\'' || before == '`' || before == ';' || before == '[' || before == '=';
    if (before == '"' || before == '\'') {
        if (is_read_as_variable(self, start - 1)) return true;
        return after == before && byte_at(self, end + 1) == ':' &&
               memchr(self->text + start, '_', end - start) != NULL;
    }
    if (STANDS_BEFORE(self, start, "nvironment variable ") || STANDS_BEFORE(self, start, "env var "))
        return true;
    return is_yaml_variable(self, start, end);
}

/* `$NAME`, also several in one word. */
static void dollar_names(cairn_snippet_finder *self, size_t start, size_t end) {
    for (size_t index = start; index < end; index += 1) {
        if (self->text[index] != '$') continue;
        const size_t name = index + 1;
        const size_t name_end = pass_over(self, name, end, CLASS_UPPER | CLASS_DIGIT | CLASS_UNDERSCORE);
        if (is_variable_name(self, name, name_end) && !is_at(self, name_end, CLASS_LOWER))
            cairn_snippet_add(self, CAIRN_SNIPPET_ENVIRONMENT, name, name_end, 60);
    }
}

/* Upper-case words: variables, levels, system codes. Returns `start` when it is none of those. */
static size_t upper_word(cairn_snippet_finder *self, size_t start, size_t end) {
    const size_t name_end = pass_over(self, start, end, CLASS_UPPER | CLASS_DIGIT | CLASS_UNDERSCORE);
    if (name_end - start < 2 || name_end - start > UPPER_WORD_MAX) return start;
    if (is_variable(self, start, name_end)) {
        cairn_snippet_add(self, CAIRN_SNIPPET_ENVIRONMENT, start, name_end, 60);
        return name_end;
    }
    if (name_end < end && self->text[name_end] != ':' && !is_at(self, name_end, CLASS_DOT)) return start;
    if (is_system_code(self->text + start, name_end - start)) {
        cairn_snippet_add(self, CAIRN_SNIPPET_ERROR_CODE, start, name_end, 95);
        message_in_parentheses(self, name_end);
        return name_end;
    }
    if (name_end == end && cairn_snippet_level(self, start, end) > 0) {
        cairn_snippet_behind_level(self, start, end);
        return end;
    }
    return start;
}

/* Hashes and UUIDs */

enum { HASH_DIGITS_MIN = 7, HASH_DIGITS_MAX = 128, UUID_BYTES = 36 };

static bool is_uuid(const cairn_snippet_finder *self, size_t start) {
    if (self->length - start < UUID_BYTES) return false;
    for (size_t i = 0; i < UUID_BYTES; i += 1) {
        const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (!is_at(self, start + i, is_dash ? CLASS_DASH : CLASS_HEX)) return false;
    }
    return !is_at(self, start + UUID_BYTES, CLASS_NAME | CLASS_DASH);
}

/* True for hexadecimal digits that are no plain number or word: a digit and a letter, all letters of one
 * case. */
static bool is_hash(const cairn_snippet_finder *self, size_t start, size_t end) {
    uint16_t seen = 0;
    if (end - start < HASH_DIGITS_MIN || end - start > HASH_DIGITS_MAX) return false;
    for (size_t i = start; i < end; i += 1) seen |= class_at(self, i);
    return (seen & CLASS_DIGIT) != 0 && (seen & CLASS_LETTER) != 0 && (seen & CLASS_LETTER) != CLASS_LETTER;
}

/* sha256:..., sha512-...: returns the end of a digest with its algorithm, `start` when there is none. */
static size_t named_digest(const cairn_snippet_finder *self, size_t start) {
    size_t name_end = start;
    if (STANDS_AT(self, start, "sha") || STANDS_AT(self, start, "SHA") || STANDS_AT(self, start, "md5"))
        name_end = pass_over(self, start + 3, self->length, CLASS_DIGIT);
    if (name_end == start || name_end - start > 6) return start;
    const uint8_t divider = byte_at(self, name_end);
    if (divider != ':' && divider != '-') return start;
    size_t end = name_end + 1;
    const size_t limit = end + HASH_DIGITS_MAX;
    while (end < self->length && end < limit &&
           (is_at(self, end, CLASS_NAME | CLASS_SLASH) || self->text[end] == '+' || self->text[end] == '='))
        end += 1;
    return end - name_end > 32 ? end : start;
}

size_t cairn_snippet_hexadecimal(cairn_snippet_finder *self, size_t start, size_t end) {
    if (is_uuid(self, start)) {
        cairn_snippet_add(self, CAIRN_SNIPPET_UUID, start, start + UUID_BYTES, 50);
        return start + UUID_BYTES;
    }
    const size_t digits_end = pass_over(self, start, end, CLASS_HEX);
    if (is_at(self, digits_end, CLASS_NAME | CLASS_DASH) || !is_hash(self, start, digits_end)) return start;
    cairn_snippet_add(self, CAIRN_SNIPPET_HASH, start, digits_end, 50);
    return digits_end;
}

/* Words */

/* The end of the word without the punctuation of the sentence around it, and without Markdown's emphasis. */
static size_t trimmed_end(const cairn_snippet_finder *self, size_t start, size_t end) {
    if (end - start > 2 && self->text[end - 1] == '*' && self->text[end - 2] == '*') end -= 2;
    while (end > start && (self->text[end - 1] == '.' || self->text[end - 1] == ':' ||
                              self->text[end - 1] == '!' || self->text[end - 1] == '?'))
        end -= 1;
    return end;
}

static uint16_t classes_of(const cairn_snippet_finder *self, size_t start, size_t end) {
    uint16_t classes = 0;
    for (size_t i = start; i < end; i += 1) classes |= cairn_snippet_class[self->text[i]];
    return classes;
}

/* What has a digit in it: codes, digests, numbers. */
static size_t with_digits(cairn_snippet_finder *self, size_t start, size_t end, uint16_t classes) {
    size_t dealt = start;
    const uint8_t first = self->text[start];
    if (classes & CLASS_LETTER) {
        if ((first == 's' || first == 'S' || first == 'm') && (dealt = named_digest(self, start)) != start) {
            cairn_snippet_add(self, CAIRN_SNIPPET_HASH, start, dealt, 50);
            return dealt;
        }
        if ((class_at(self, start) & CLASS_HEX) && end - start >= HASH_DIGITS_MIN &&
            (dealt = cairn_snippet_hexadecimal(self, start, end)) != start)
            return dealt;
        if ((class_at(self, start) & CLASS_UPPER) && cairn_snippet_is_code(self, start, end)) {
            cairn_snippet_add(self, CAIRN_SNIPPET_ERROR_CODE, start, end, 95);
            return end;
        }
    }
    return cairn_snippet_number(self, start, end);
}

size_t cairn_snippet_piece(cairn_snippet_finder *self, size_t start, size_t end) {
    const uint16_t classes = classes_of(self, start, end);
    size_t dealt = start;
    *self->looked_at += end - start;
    if ((classes & ~CLASS_HEX) == CLASS_DIGIT) return cairn_snippet_number(self, start, end);
    if (classes & CLASS_DOLLAR) {
        dollar_names(self, start, end);
        return end;
    }
    if ((classes & CLASS_COLON) && (classes & (CLASS_SLASH | CLASS_AT)) &&
        (dealt = cairn_snippet_url(self, start, end)) != start)
        return dealt;
    if ((class_at(self, start) & (CLASS_UPPER | CLASS_UNDERSCORE)) &&
        (dealt = upper_word(self, start, end)) != start)
        return dealt;
    if ((classes & CLASS_DIGIT) && (dealt = with_digits(self, start, end, classes)) != start) return dealt;
    if ((classes & (CLASS_SLASH | CLASS_DOT | CLASS_COLON | CLASS_UPPER)) &&
        (dealt = cairn_snippet_path(self, start, end)) != start)
        return dealt;
    if ((classes & CLASS_DIGIT) && (classes & CLASS_COLON) &&
        (dealt = cairn_snippet_host_port(self, start, end)) != start)
        return dealt;
    if ((classes & CLASS_DIGIT) && (classes & CLASS_DOT) &&
        (dealt = cairn_snippet_version(self, start, end)) != start)
        return dealt;
    return start;
}

/* The start of the next piece of a word: behind a colon and its like, or two dots. */
static size_t next_piece(const cairn_snippet_finder *self, size_t start, size_t end) {
    for (size_t index = start; index < end; index += 1) {
        const uint16_t class = cairn_snippet_class[self->text[index]];
        if (class & CLASS_SPLIT) return index + 1;
        if ((class & CLASS_DOT) && byte_at(self, index + 1) == '.') return index + 2;
    }
    return end;
}

enum { PIECES_MAX = 8 }; /* of one word; what is behind them is not looked at */

size_t cairn_snippet_word(cairn_snippet_finder *self, size_t start, size_t end) {
    const size_t trimmed = trimmed_end(self, start, end);
    size_t dealt = start;
    for (int pieces = 0; pieces < PIECES_MAX && start < trimmed; pieces += 1) {
        while (start < trimmed &&
               (self->text[start] == '^' || self->text[start] == '*' || self->text[start] == '!' ||
                   self->text[start] == '&' || self->text[start] == '+'))
            start += 1;
        if (start == trimmed) break;
        dealt = cairn_snippet_piece(self, start, trimmed);
        start = next_piece(self, dealt, trimmed);
    }
    return dealt > end ? dealt : end;
}
