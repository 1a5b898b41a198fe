/* cairn_snippet_number.c: words that start with a digit, and versions: quantities, dates, ports, exit codes,
 * versions. */
#include "cairn_snippet_int.h"

/* Units that may be glued to a number, and those that may stand one blank behind it, as lists. */
static const cairn_snippet_words glued_units = {
    ['B'] = "B",
    ['G'] = "G GB GHz Gb Gbps Gi GiB",
    ['H'] = "Hz",
    ['K'] = "K KB Kb Ki KiB",
    ['M'] = "M MB MHz Mb Mbps Mi MiB",
    ['P'] = "PB PiB",
    ['T'] = "T TB Ti TiB",
    ['b'] = "bps",
    ['d'] = "d dpi",
    ['e'] = "em",
    ['f'] = "fps",
    ['g'] = "gb",
    ['h'] = "h hr hrs",
    ['k'] = "k kB kHz kb kbps",
    ['m'] = "m mA mV mW mb min mins ms",
    ['n'] = "ns",
    ['p'] = "pt px",
    ['r'] = "rem rpm",
    ['s'] = "s sec secs",
    ['t'] = "tb",
    ['u'] = "us",
    ['v'] = "vh vw",
};
static const cairn_snippet_words spaced_units = {
    ['B'] = "B",
    ['G'] = "GB GHz Gbps GiB",
    ['H'] = "Hz",
    ['K'] = "KB KiB",
    ['M'] = "MB MHz Mbps MiB",
    ['P'] = "PB PiB",
    ['T'] = "TB TiB",
    ['b'] = "bit bits byte bytes",
    ['d'] = "day days",
    ['f'] = "fps",
    ['h'] = "h hour hours hr hrs",
    ['k'] = "kB kHz kbps",
    ['m'] = "min mins minute minutes month months ms",
    ['n'] = "ns",
    ['p'] = "percent px",
    ['s'] = "s sec second seconds secs",
    ['t'] = "token tokens",
    ['u'] = "us",
    ['w'] = "week weeks",
    ['y'] = "year years",
};
static const cairn_snippet_words compound_units = {
    ['d'] = "d",
    ['h'] = "h",
    ['m'] = "m min ms",
    ['n'] = "ns",
    ['s'] = "s",
    ['u'] = "us",
};

enum { UNIT_BYTES_MAX = 8, NUMBER_DIGITS_MAX = 20, COMPOUND_PARTS_MAX = 6 };

/* The end of 12, 1.5, 12,345,678 or 0.25 at `start`, within one line and NUMBER_DIGITS_MAX digits. */
static size_t number_end(const cairn_snippet_finder *self, size_t start) {
    const size_t limit = self->length - start > NUMBER_DIGITS_MAX ? start + NUMBER_DIGITS_MAX : self->length;
    size_t end = pass_over(self, start, limit, CLASS_DIGIT);
    while (byte_at(self, end) == ',' && end + 3 < limit &&
           pass_over(self, end + 1, end + 4, CLASS_DIGIT) == end + 4 && !is_at(self, end + 4, CLASS_DIGIT))
        end += 4;
    if (byte_at(self, end) == '.' && is_at(self, end + 1, CLASS_DIGIT))
        end = pass_over(self, end + 1, limit, CLASS_DIGIT);
    return end;
}

/* The end of the unit at `start` if it is one of `list` and no longer word; `start` otherwise. */
static size_t unit_end(const cairn_snippet_finder *self, size_t start, const cairn_snippet_words list) {
    size_t end = start;
    if (byte_at(self, start) == '%') return start + 1;
    while (end - start <= UNIT_BYTES_MAX && is_at(self, end, CLASS_LETTER)) end += 1;
    if (end == start || end - start > UNIT_BYTES_MAX || is_at(self, end, CLASS_NAME)) return start;
    if (!cairn_snippet_is_listed(self->text + start, end - start, list)) return start;
    if (byte_at(self, end) == '/' && byte_at(self, end + 1) == 's' && !is_at(self, end + 2, CLASS_NAME))
        return end + 2;
    return end;
}

/* 3h12m, 0m0.064s: parts glued to each other. Returns the end, `start` when there are not two. */
static size_t compound_end(const cairn_snippet_finder *self, size_t start) {
    size_t at = start, part_count = 0;
    while (part_count < COMPOUND_PARTS_MAX && is_at(self, at, CLASS_DIGIT)) {
        const size_t unit = number_end(self, at);
        size_t end = pass_over(self, unit, self->length - unit > 3 ? unit + 3 : self->length, CLASS_LOWER);
        if (end == unit || !cairn_snippet_is_listed(self->text + unit, end - unit, compound_units))
            return start;
        at = end;
        part_count += 1;
    }
    return part_count >= 2 && !is_at(self, at, CLASS_NAME | CLASS_DOT | CLASS_DASH) ? at : start;
}

static size_t quantity(cairn_snippet_finder *self, size_t start, size_t digits_end) {
    size_t end = is_at(self, digits_end, CLASS_LOWER) ? compound_end(self, start) : start;
    if (end == start) {
        size_t unit = number_end(self, start);
        end = unit_end(self, unit, glued_units);
        if (end == unit && byte_at(self, unit) == ' ') {
            unit += 1;
            end = unit_end(self, unit, spaced_units);
        }
        if (end == unit || is_at(self, end, CLASS_NAME)) return start;
    }
    cairn_snippet_add(self, CAIRN_SNIPPET_QUANTITY, start, end, 40);
    return end;
}

/* Dates */

/* The end of a pattern of digits and fixed bytes at `start`: 'd' is a digit. */
static size_t pattern_end(const cairn_snippet_finder *self, size_t start, const char *pattern) {
    size_t at = start;
    for (; *pattern != 0; pattern += 1, at += 1) {
        if (*pattern == 'd' ? !is_at(self, at, CLASS_DIGIT) : byte_at(self, at) != (uint8_t)*pattern)
            return start;
    }
    return at;
}

static size_t offset_end(const cairn_snippet_finder *self, size_t start) {
    if (byte_at(self, start) == 'Z') return start + 1;
    const size_t sign = byte_at(self, start) == ' ' ? start + 1 : start;
    if (byte_at(self, sign) != '+' && byte_at(self, sign) != '-') return start;
    size_t end = pattern_end(self, sign + 1, "dd:dd");
    if (end == sign + 1) end = pattern_end(self, sign + 1, "dddd");
    return end == sign + 1 || is_at(self, end, CLASS_NAME | CLASS_DASH) ? start : end;
}

/* ISO 8601: date, then perhaps time, fraction and offset. */
static size_t date(cairn_snippet_finder *self, size_t start) {
    size_t end = pattern_end(self, start, "dddd-dd-dd");
    const uint8_t century = self->text[start];
    if (end == start || (century != '1' && century != '2') || byte_at(self, start + 5) > '1' ||
        byte_at(self, start + 8) > '3')
        return start;
    const uint8_t divider = byte_at(self, end);
    const size_t minutes = divider == 'T' || divider == ' ' ? pattern_end(self, end + 1, "dd:dd") : end + 1;
    if (minutes != end + 1) {
        const size_t seconds = pattern_end(self, minutes, ":dd");
        end = seconds;
        const uint8_t point = byte_at(self, end);
        if (seconds != minutes && (point == '.' || point == ',') && is_at(self, end + 1, CLASS_DIGIT))
            end = pass_over(self, end + 1, self->length - end > 11 ? end + 11 : self->length, CLASS_DIGIT);
        end = offset_end(self, end);
    }
    if (is_at(self, end, CLASS_NAME)) return start;
    cairn_snippet_add(self, CAIRN_SNIPPET_DATE, start, end, 30);
    return end;
}

/* Ports and exit codes */

/* The start of the letters that end at `end`, and *lower: the last eight of them in lower case. */
static size_t word_before(const cairn_snippet_finder *self, size_t end, uint8_t lower[8], size_t *length) {
    size_t start = end;
    while (end - start < 8 && is_at(self, start - 1, CLASS_LETTER)) start -= 1;
    *length = end - start;
    for (size_t i = 0; i < *length; i += 1) lower[i] = self->text[start + i] | 0x20;
    return start;
}

/* Steps back over what may stand between a key and its value: `: "`, `=`, a blank. */
static size_t key_end(const cairn_snippet_finder *self, size_t value) {
    size_t end = value;
    for (int steps = 0; steps < 4 && end > 0; steps += 1) {
        const uint8_t byte = self->text[end - 1];
        if (byte != ' ' && byte != ':' && byte != '=' && byte != '"' && byte != '\'') break;
        end -= 1;
    }
    return end;
}

static bool is_port_number(const cairn_snippet_finder *self, size_t start, size_t end) {
    if (end == start || end - start > 5 || self->text[start] == '0') return false;
    uint32_t number = 0;
    for (size_t i = start; i < end; i += 1) number = number * 10 + (self->text[i] - '0');
    return number <= 65535;
}

/* True when the word that ends at `key` names the number at `start` a port. */
static bool is_port_key(const cairn_snippet_finder *self, size_t key, size_t start) {
    uint8_t lower[8];
    size_t length = 0;
    word_before(self, key, lower, &length);
    if (length >= 4 && memcmp(lower + length - 4, "port", 4) == 0 &&
        (length == 4 || byte_at(self, key - 4) == 'P'))
        return true;
    return length == 6 && memcmp(lower, "listen", 6) == 0 && byte_at(self, start - 1) == ' ';
}

/* "8080:8000" in quotes, as containers publish ports. */
static size_t port_pair(cairn_snippet_finder *self, size_t start, size_t end) {
    const uint8_t quote = byte_at(self, start - 1);
    const size_t second = end + 1;
    if ((quote != '"' && quote != '\'') || !is_port_number(self, start, end)) return start;
    const size_t second_end =
        pass_over(self, second, self->length - second > 5 ? second + 5 : self->length, CLASS_DIGIT);
    if (byte_at(self, second_end) != quote || !is_port_number(self, second, second_end)) return start;
    cairn_snippet_add(self, CAIRN_SNIPPET_PORT, start, end, 60);
    cairn_snippet_add(self, CAIRN_SNIPPET_PORT, second, second_end, 60);
    return second_end;
}

/* 8000/tcp */
static size_t port_with_protocol(cairn_snippet_finder *self, size_t start, size_t end) {
    if (!STANDS_AT(self, end, "/tcp") && !STANDS_AT(self, end, "/udp")) return start;
    if (!is_port_number(self, start, end)) return start;
    cairn_snippet_add(self, CAIRN_SNIPPET_PORT, start, end, 60);
    return end + 4;
}

/* `port 8000`, `"port": 8000`, `--port=8000`, `SHOP_PORT=8000`, `listen 80`; the word ends at `key`. */
static size_t named_port(cairn_snippet_finder *self, size_t key, size_t start, size_t end) {
    if (!is_port_number(self, start, end) || is_at(self, end, CLASS_NAME | CLASS_DASH | CLASS_SLASH))
        return start;
    if (byte_at(self, end) == '.' && is_at(self, end + 1, CLASS_DIGIT)) return start;
    if (!is_port_key(self, key, start)) return start;
    cairn_snippet_add(self, CAIRN_SNIPPET_PORT, start, end, 60);
    return end;
}

/* `exit status 101`, `exited with code 1`, `Errno 2`: the words in front of the number belong to the value.
 */
static size_t exit_code(cairn_snippet_finder *self, size_t noun_end, size_t start, size_t end) {
    uint8_t lower[8];
    size_t length = 0;
    if (end - start > 3 || is_at(self, end, CLASS_NAME)) return start;
    const size_t noun = word_before(self, noun_end, lower, &length);
    if (!cairn_snippet_is_in_list(lower, length, "code status") || byte_at(self, noun - 1) != ' ')
        return start;
    size_t verb_end = noun - 1;
    if (STANDS_BEFORE(self, verb_end, " with")) verb_end -= 5;
    const size_t verb = word_before(self, verb_end, lower, &length);
    if (!cairn_snippet_is_in_list(lower, length, "exit exited")) return start;
    cairn_snippet_add(self, CAIRN_SNIPPET_ERROR_CODE, verb, end, 90);
    return end;
}

static size_t errno_number(cairn_snippet_finder *self, size_t start, size_t end) {
    if (end - start > 3 || !STANDS_BEFORE(self, start, "[Errno ")) return start;
    cairn_snippet_add(self, CAIRN_SNIPPET_ERROR_CODE, start - 6, end, 95);
    return end;
}

/* What the word in front says of the number: a port, an exit code. Its last letter tells which can be meant
 * at all. */
static size_t named_number(cairn_snippet_finder *self, size_t start, size_t end) {
    const size_t key = key_end(self, start);
    if (key == start) return start;
    switch (byte_at(self, key - 1) | 0x20) {
    case 't':
    case 'n':
        return named_port(self, key, start, end);
    case 'e':
    case 's':
        return exit_code(self, key, start, end);
    case 'o':
        return errno_number(self, start, end);
    default:
        return start;
    }
}

/* Versions */

enum { SUFFIX_BYTES_MAX = 48, PART_COUNT_MAX = 8, PAIR_BYTES_MAX = 9 };

/* Names that two numbers behind them make a version of. */
static const cairn_snippet_words products = {
    ['a'] = "alpine android angular apache",
    ['b'] = "bash",
    ['c'] = "cargo clang cmake cuda curl",
    ['d'] = "debian django docker",
    ['e'] = "express",
    ['f'] = "fedora flask",
    ['g'] = "gcc git glibc go",
    ['i'] = "ios",
    ['j'] = "java jdk",
    ['k'] = "kernel kotlin kubernetes",
    ['l'] = "linux llvm",
    ['m'] = "macos make mariadb mongodb mysql",
    ['n'] = "nginx node npm numpy",
    ['o'] = "openssl",
    ['p'] = "pandas perl php pip postgres postgresql python pytorch",
    ['r'] = "react redis release ruby rust rustc",
    ['s'] = "scala setuptools sqlite swift",
    ['t'] = "torch typescript",
    ['u'] = "ubuntu",
    ['v'] = "valgrind version vue",
    ['w'] = "wheel windows",
    ['z'] = "zlib",
};

/* The dotted numbers at `start`: their end, and how many there are. */
static size_t dotted_end(const cairn_snippet_finder *self, size_t start, size_t end, size_t *part_count) {
    size_t at = pass_over(self, start, end, CLASS_DIGIT);
    *part_count = at > start;
    while (*part_count > 0 && *part_count < PART_COUNT_MAX && byte_at(self, at) == '.' && at + 1 < end &&
           is_at(self, at + 1, CLASS_DIGIT)) {
        at = pass_over(self, at + 1, end, CLASS_DIGIT);
        *part_count += 1;
    }
    return at;
}

/* -rc.1, +build, ~deb12u2, .dfsg-1, b2: what may stand behind the numbers. */
static size_t suffix_end(const cairn_snippet_finder *self, size_t start, size_t end) {
    const uint8_t first = byte_at(self, start);
    const bool is_divided = first == '-' || first == '+' || first == '~' || first == '.';
    if (start == end || !(is_divided || is_at(self, start, CLASS_LOWER)) ||
        (is_divided && !is_at(self, start + 1, CLASS_NAME)))
        return start;
    size_t at = start;
    while (at < end && at - start < SUFFIX_BYTES_MAX &&
           (is_at(self, at, CLASS_LETTER | CLASS_DIGIT | CLASS_DOT | CLASS_DASH) || self->text[at] == '+' ||
               self->text[at] == '~'))
        at += 1;
    while (at > start && !is_at(self, at - 1, CLASS_NAME)) at -= 1;
    return at;
}

static bool is_product_before(const cairn_snippet_finder *self, size_t end) {
    uint8_t lower[16];
    size_t start = end;
    while (end - start < sizeof lower && is_at(self, start - 1, CLASS_LETTER)) start -= 1;
    for (size_t i = start; i < end; i += 1) lower[i - start] = self->text[i] | 0x20;
    return end - start >= 2 && cairn_snippet_is_listed(lower, end - start, products);
}

/* True when a change of versions is told in the 64 bytes in front of `start`: "upgrade x from 0.11 to 0.12".
 */
static bool is_upgrade(const cairn_snippet_finder *self, size_t start) {
    const size_t front = start - self->line_start > 64 ? start - 64 : self->line_start;
    for (size_t i = front; i + 4 < start; i += 1) {
        if (STANDS_AT(self, i, "pgrad") || STANDS_AT(self, i, "umped") || STANDS_AT(self, i, "updat") ||
            STANDS_AT(self, i, "Updat"))
            return true;
    }
    return false;
}

static bool is_operator(uint8_t byte) {
    return byte == '=' || byte == '<' || byte == '>' || byte == '~' || byte == '^' || byte == '!';
}

/* True when what stands around two dotted numbers says that they are a version. */
static bool is_version_place(const cairn_snippet_finder *self, size_t start, size_t end) {
    const uint8_t before = byte_at(self, start - 1), after = byte_at(self, end);
    size_t front = start;
    if (before == 'v' || before == 'V' || before == '@') return true;
    if (before == ' ' && is_operator(byte_at(self, start - 2))) front -= 1;
    while (start - front < 4 && is_operator(byte_at(self, front - 1))) front -= 1;
    const uint8_t quote = byte_at(self, front - 1);
    if ((quote == '"' || quote == '\'') && after == quote) return true;
    if (start - front >= 2 && byte_at(self, front) != '<' && byte_at(self, front) != ' ') return true;
    if ((before == ' ' || before == ':' || before == '-' || before == '/') &&
        is_product_before(self, start - 1))
        return true;
    if (before == '/' && is_at(self, start - 2, CLASS_LETTER)) return !STANDS_BEFORE(self, start, "HTTP/");
    if (before == '-' && is_at(self, start - 2, CLASS_LOWER) && is_at(self, start - 3, CLASS_LOWER))
        return true;
    if (STANDS_BEFORE(self, start, " from ") && STANDS_AT(self, end, " to ") &&
        is_at(self, end + 4, CLASS_DIGIT))
        return is_upgrade(self, start);
    return STANDS_BEFORE(self, start, " to ") && self->version_end == start - 4;
}

static bool is_address(const cairn_snippet_finder *self, size_t start, size_t end) {
    size_t digit_count = 0;
    for (size_t i = start; i < end; i += 1) {
        digit_count = self->text[i] == '.' ? 0 : digit_count + 1;
        if (digit_count > 3) return false;
    }
    return true;
}

/* The version whose digits start at `digits`; what belongs to it in front starts at `start`. */
static size_t version_at(cairn_snippet_finder *self, size_t start, size_t digits, size_t end) {
    size_t part_count = 0;
    const size_t numbers_end = dotted_end(self, digits, end, &part_count);
    if (part_count < 2) return digits;
    const size_t found = suffix_end(self, numbers_end, end);
    if (part_count == 4 && found == numbers_end && is_address(self, digits, numbers_end)) return digits;
    if (is_at(self, found, CLASS_NAME)) return digits;
    if (part_count == 2 && (numbers_end - digits > PAIR_BYTES_MAX || !is_version_place(self, digits, found)))
        return digits;
    cairn_snippet_add(self, CAIRN_SNIPPET_VERSION, start, found, 60);
    self->version_end = found;
    return found;
}

size_t cairn_snippet_version(cairn_snippet_finder *self, size_t start, size_t end) {
    /* name-1.2.3, name@1.2, name:1.2, name/1.2, go1.19.8, v1.2: the first digit with a dot behind its number.
     */
    for (size_t at = start; at < end; at += 1) {
        if (!is_at(self, at, CLASS_DIGIT)) continue;
        const size_t number = pass_over(self, at, end, CLASS_DIGIT);
        if (byte_at(self, number) != '.' || !is_at(self, number + 1, CLASS_DIGIT)) {
            at = number - 1;
            continue;
        }
        const uint8_t before = byte_at(self, at - 1);
        const bool has_v = (before == 'v' || before == 'V') && !is_at(self, at - 2, CLASS_NAME);
        const bool is_divided = at == start || before == '-' || before == '@' || before == ':' ||
                                before == '/' || before == '=' || before == '~' || before == '^';
        if (!has_v && !is_divided) return start;
        const size_t found = version_at(self, has_v ? at - 1 : at, at, end);
        return found == at ? start : found;
    }
    return start;
}

/* 1:1.2.13.dfsg-1: Debian's versions with their epoch. */
static size_t epoch_version(cairn_snippet_finder *self, size_t start, size_t number, size_t end) {
    size_t part_count = 0;
    if (byte_at(self, number) != ':' || number - start > 2) return start;
    dotted_end(self, number + 1, end, &part_count);
    if (part_count < 2) return start;
    const size_t found = version_at(self, start, number + 1, end);
    return found == number + 1 ? start : found;
}

size_t cairn_snippet_number(cairn_snippet_finder *self, size_t start, size_t end) {
    if (!is_at(self, start, CLASS_DIGIT)) return start;
    const size_t digits_end = pass_over(self, start, end, CLASS_DIGIT);
    const uint8_t behind = byte_at(self, digits_end);
    size_t dealt = start;
    if (behind == '-' && digits_end == start + 4 && (dealt = date(self, start)) != start) return dealt;
    if (behind == ':' && ((dealt = epoch_version(self, start, digits_end, end)) != start ||
                             (dealt = port_pair(self, start, digits_end)) != start))
        return dealt;
    if (behind == '/' && (dealt = port_with_protocol(self, start, digits_end)) != start) return dealt;
    if ((dealt = named_number(self, start, digits_end)) != start) return dealt;
    const bool may_have_unit =
        behind == '.' || behind == ',' || behind == '%' || is_at(self, digits_end, CLASS_LETTER) ||
        (behind == ' ' &&
            (is_at(self, digits_end + 1, CLASS_LETTER) || byte_at(self, digits_end + 1) == '%'));
    return may_have_unit ? quantity(self, start, digits_end) : start;
}
