/* cairn_snippet_path.c: paths with the places behind them, URLs, and ports behind a host's name. */
#include "cairn_snippet_int.h"

/* URLs */

static bool is_url_byte(uint8_t byte) {
    return byte > ' ' && byte != 0x7F && byte != '"' && byte != '<' && byte != '>' && byte != '`' &&
           byte != '\\' && byte != '{' && byte != '}' && byte != '|' && byte != '^' && byte != '\'';
}

/* The end of a URL without the punctuation of the sentence around it; a closing bracket stays when it was
 * opened inside. */
static size_t url_end(const cairn_snippet_finder *self, size_t start) {
    const size_t limit = self->length - start > CAIRN_SNIPPET_VALUE_BYTES_MAX
                             ? start + CAIRN_SNIPPET_VALUE_BYTES_MAX
                             : self->length;
    size_t end = start;
    int round = 0, square = 0;
    while (end < limit && is_url_byte(self->text[end])) {
        const uint8_t byte = self->text[end];
        round += (byte == '(') - (byte == ')');
        square += (byte == '[') - (byte == ']');
        if (round < 0 || square < 0) break;
        end += 1;
    }
    *self->looked_at += end - start;
    while (end > start && memchr(".,;:!?*", self->text[end - 1], 7) != NULL) end -= 1;
    return end;
}

/* git@host:path, as git writes it. */
static size_t git_address(cairn_snippet_finder *self, size_t start, size_t end) {
    const size_t host = pass_over(self, start, end, CLASS_NAME | CLASS_DASH);
    if (host == start || byte_at(self, host) != '@') return start;
    const size_t colon = pass_over(self, host + 1, end, CLASS_NAME | CLASS_DOT | CLASS_DASH);
    if (byte_at(self, colon) != ':' || memchr(self->text + colon, '/', end - colon) == NULL) return start;
    if (end - start < 4 || memcmp(self->text + end - 4, ".git", 4) != 0) return start;
    cairn_snippet_add(self, CAIRN_SNIPPET_URL, start, end, 60);
    return end;
}

size_t cairn_snippet_url(cairn_snippet_finder *self, size_t start, size_t end) {
    const size_t colon =
        pass_over(self, start, end, CLASS_LETTER | CLASS_DIGIT | CLASS_DASH | CLASS_DOT | CLASS_OTHER);
    if (!STANDS_AT(self, colon, "://")) return git_address(self, start, end);
    size_t scheme = colon;
    while (scheme > start && is_at(self, scheme - 1, CLASS_LETTER | CLASS_DIGIT)) scheme -= 1;
    const size_t found = url_end(self, scheme);
    if (colon - scheme < 2 || !is_at(self, scheme, CLASS_LETTER) || found <= colon + 3) return start;
    cairn_snippet_add(self, CAIRN_SNIPPET_URL, scheme, found, 60);
    return found;
}

/* Which words are paths */

/* Extensions, common ones first. Those of the second table are also names of methods and fields, and count
 * only where nothing speaks against a file. */
static const cairn_snippet_words extensions = {
    ['a'] = "asm avi awk",
    ['b'] = "bash bat bmp bz2 bzl",
    ['c'] = "cc cpp css cjs clj cmake cnf crt cs csproj csv cts cu cxx",
    ['d'] = "dart deb diff dll doc docx dylib",
    ['e'] = "ejs elm eml erl ex exe exs",
    ['f'] = "fish frag fs",
    ['g'] = "go gz gif gradle graphql groovy",
    ['h'] = "hpp html haml hbs hcl hh hrl hs htm hxx",
    ['i'] = "ico ini ipynb iso",
    ['j'] = "js json java jar jl jpeg jpg jsonc jsonl jsx",
    ['k'] = "kt kts",
    ['l'] = "less lua",
    ['m'] = "md mjs mdx mk ml mm mov mp3 mp4 mts",
    ['n'] = "ndjson nim nix",
    ['o'] = "odt otf",
    ['p'] =
        "py p12 parquet patch pdf pem phar php pid pkl plist pm png po ppt pptx proto ps1 psd pyc pyi pyx",
    ['q'] = "qml",
    ['r'] = "rs rb rc rlib rpm rst rtf",
    ['s'] = "sh so sql swift sass scala scss service sln socket sol sqlite sqlite3 srt sty svelte svg sys",
    ['t'] = "ts tsx toml txt tar tcl tex tf tfvars tgz tif tiff tmpl tpl tsv ttf",
    ['u'] = "ui",
    ['v'] = "vb vert vim vue",
    ['w'] = "wasm wav webm webp whl woff woff2 wsdl",
    ['x'] = "xml xlsx xsd xz",
    ['y'] = "yml yaml",
    ['z'] = "zig zip zsh zst",
};
static const cairn_snippet_words weak_extensions = {
    ['a'] = "a",
    ['b'] = "bak bin",
    ['c'] = "c cache cfg conf config",
    ['d'] = "d dat db",
    ['e'] = "env",
    ['g'] = "git",
    ['h'] = "h",
    ['k'] = "key",
    ['l'] = "labels lock log",
    ['m'] = "m map mod",
    ['o'] = "o old orig out",
    ['p'] = "pl pub",
    ['r'] = "r",
    ['s'] = "s snap sum",
    ['t'] = "tmp",
};

static const cairn_snippet_words not_files = {
    ['D'] = "D3",
    ['E'] = "Express",
    ['M'] = "Math",
    ['N'] = "Next Node Nuxt",
    ['T'] = "Three",
    ['V'] = "Vue",
    ['a'] = "app args",
    ['c'] = "config console ctx",
    ['d'] = "data document",
    ['e'] = "event exports",
    ['l'] = "log logger",
    ['m'] = "math module",
    ['n'] = "node np",
    ['o'] = "obj options opts os",
    ['p'] = "process props",
    ['r'] = "req request res response",
    ['s'] = "self settings state sys",
    ['t'] = "this",
    ['w'] = "window",
};

static const cairn_snippet_words top_folders = {
    ['S'] = "Sources",
    ['T'] = "Tests",
    ['a'] = "api app apps assets",
    ['b'] = "bench benches benchmarks bin build",
    ['c'] = "cmd components conf config configs crates",
    ['d'] = "data deploy dist doc docs",
    ['e'] = "etc example examples",
    ['f'] = "fixtures",
    ['h'] = "home",
    ['i'] = "include infra internal",
    ['l'] = "lib libs",
    ['m'] = "migrations modules",
    ['n'] = "node_modules",
    ['o'] = "opt out",
    ['p'] = "packages pages pkg public",
    ['r'] = "resources",
    ['s'] = "script scripts source sources spec specs src srv static",
    ['t'] = "target templates test tests third_party tmp tools",
    ['u'] = "usr",
    ['v'] = "var vendor",
    ['w'] = "web",
};

static const cairn_snippet_words media_types = {
    ['a'] = "application audio",
    ['f'] = "font",
    ['i'] = "image",
    ['m'] = "message model multipart",
    ['t'] = "text",
    ['v'] = "video",
};

static const cairn_snippet_words domains = {
    ['a'] = "ai app",
    ['c'] = "co com",
    ['d'] = "de dev",
    ['e'] = "edu eu",
    ['f'] = "fr",
    ['g'] = "gov",
    ['i'] = "io",
    ['n'] = "net",
    ['o'] = "org",
    ['r'] = "rs",
    ['s'] = "sh",
    ['u'] = "uk",
};

static const cairn_snippet_words not_folders = {
    ['H'] = "HTTP",
    ['h'] = "heads http",
    ['o'] = "origin",
    ['r'] = "refs remotes",
    ['u'] = "upstream",
};

static const cairn_snippet_words hidden_files = {
    ['b'] = "bash_profile bashrc",
    ['c'] = "cache clang-format clang-tidy config",
    ['d'] = "dockerignore",
    ['e'] = "editorconfig env eslintrc",
    ['g'] = "git gitattributes github gitignore gitmodules",
    ['n'] = "npmrc nvmrc",
    ['p'] = "prettierrc profile",
    ['s'] = "ssh swift-format",
    ['v'] = "venv vscode",
    ['z'] = "zshrc",
};

enum { EXTENSION_BYTES_MAX = 8, PLACE_DIGITS_MAX = 9 };

static bool is_extension(const uint8_t *bytes, size_t length, const cairn_snippet_words table) {
    return length <= EXTENSION_BYTES_MAX && cairn_snippet_is_listed(bytes, length, table);
}

static bool is_file_without_folder(const cairn_snippet_finder *self, size_t start, size_t dot) {
    const size_t name = pass_over(self, start, dot, CLASS_NAME);
    return dot - start >= 1 && !cairn_snippet_is_listed(self->text + start, name - start, not_files);
}

/* The last dot of text[start ..< end], behind its last slash; `end` when there is none. */
static size_t last_dot(const cairn_snippet_finder *self, size_t start, size_t end) {
    for (size_t index = end; index > start; index -= 1) {
        const uint8_t byte = self->text[index - 1];
        if (byte == '.') return index - 1;
        if (byte == '/') break;
    }
    return end;
}

/* libc.so.6: the version behind `.so` belongs to the name. */
static bool is_library(const cairn_snippet_finder *self, size_t dot, size_t extension_end) {
    return extension_end - dot == 3 && STANDS_AT(self, dot, ".so.") &&
           is_at(self, extension_end + 1, CLASS_DIGIT);
}

/* True when what stands behind `dot` makes a file of the name in front of it. */
static bool is_file(
    const cairn_snippet_finder *self, size_t start, size_t dot, size_t extension_end, bool has_folder) {
    const uint8_t *extension = self->text + dot + 1;
    const size_t length = extension_end - dot - 1;
    const bool is_strong = is_extension(extension, length, extensions);
    if (!is_strong && !is_extension(extension, length, weak_extensions)) return false;
    if (has_folder) return true;
    if (byte_at(self, extension_end) == '(' && !is_at(self, extension_end + 1, CLASS_DIGIT | CLASS_DOT))
        return false; /* a call */
    return (is_strong && length != 2) || is_file_without_folder(self, start, dot);
}

/* The end of the file name in text[start ..< end] that has a known extension, `start` when there is none:
 * usually `end`, but grep writes name-line- and library names go on behind `.so`. */
static size_t known_file_end(const cairn_snippet_finder *self, size_t start, size_t end, bool has_folder) {
    for (size_t behind = end, dot; (dot = last_dot(self, start, behind)) != behind; behind = dot) {
        const size_t extension_end = pass_over(self, dot + 1, end, CLASS_LETTER | CLASS_DIGIT);
        if (is_library(self, dot, extension_end)) return end;
        const bool is_from_grep =
            byte_at(self, extension_end) == '-' && is_at(self, extension_end + 1, CLASS_DIGIT);
        if (extension_end != end && !is_from_grep) continue;
        const bool has_name = dot > start && is_at(self, dot - 1, CLASS_NAME | CLASS_DASH | CLASS_OTHER);
        if (!has_name) return start;
        if (is_file(self, start, dot, extension_end, has_folder)) return extension_end;
        if (extension_end == end && !is_at(self, dot + 1, CLASS_DIGIT)) return start;
    }
    return start;
}

static bool is_listed_until(
    const cairn_snippet_finder *self, size_t start, size_t end, const cairn_snippet_words words) {
    return end > start && cairn_snippet_is_listed(self->text + start, end - start, words);
}

/* True when text[start ..< end] begins with a host's name with a known domain, as import paths and image
 * names do. */
static bool has_domain(const cairn_snippet_finder *self, size_t start, size_t slash) {
    size_t dot = slash;
    while (dot > start && self->text[dot - 1] != '.') dot -= 1;
    return dot > start + 1 && is_listed_until(self, dot, slash, domains);
}

/* Names divided by slashes, without a known extension: is it a path? */
static bool is_folder_path(const cairn_snippet_finder *self, size_t start, size_t end, size_t first_slash) {
    size_t slash_count = 0;
    for (size_t i = first_slash; i < end; i += 1) {
        if (self->text[i] != '/') continue;
        if (byte_at(self, i + 1) == '/') return false;
        slash_count += 1;
    }
    if (byte_at(self, end) == '(') return false; /* a function of a package */
    if (is_listed_until(self, start, first_slash, media_types) && slash_count == 1) return false;
    if (is_listed_until(self, start, first_slash, not_folders)) return false;
    if (is_listed_until(self, start, first_slash, top_folders))
        return end > first_slash + 1 || first_slash > start;
    if (has_domain(self, start, first_slash)) return true;
    if (self->text[end - 1] == '/') return end - start > 3 && slash_count == 1;
    if (slash_count < 2) return false;
    return is_at(self, start, CLASS_LOWER) &&
           pass_over(self, start, end, CLASS_NAME | CLASS_SLASH | CLASS_DOT | CLASS_DASH) == end;
}

static bool is_hidden_file(const cairn_snippet_finder *self, size_t start, size_t end) {
    return self->text[start] == '.' &&
           cairn_snippet_is_listed(self->text + start + 1, end - start - 1, hidden_files);
}

static bool is_bare_file_name(const cairn_snippet_finder *self, size_t start, size_t end) {
    if (end - start < 7 || !STANDS_BEFORE(self, end, "file")) return false;
    return cairn_snippet_is_in_list(self->text + start, end - start,
        "Dockerfile Makefile Jenkinsfile Gemfile Rakefile Procfile Vagrantfile Containerfile Caddyfile "
        "Justfile");
}

/* The end of the path at the front of text[start ..< end], which holds no colon; `start` when it is none. */
static size_t path_end(const cairn_snippet_finder *self, size_t start, size_t end) {
    const uint8_t first = self->text[start], second = byte_at(self, start + 1);
    const uint8_t *slash = memchr(self->text + start, '/', end - start);
    if (slash == NULL) {
        if (is_bare_file_name(self, start, end)) return end;
        const size_t file_end = known_file_end(self, start, end, false);
        return file_end == start && is_hidden_file(self, start, end) ? end : file_end;
    }
    const size_t first_slash = (size_t)(slash - self->text);
    if (first == '/') {
        const uint8_t before = byte_at(self, start - 1);
        if (before == '<' || before == ')' || before == ']' || is_at(self, start - 1, CLASS_NAME) ||
            (before >= 0x80 && before != 0x98 && before != 0x9C))
            return start;
        if (!is_at(self, start + 1, CLASS_NAME | CLASS_DOT) && second != '~' && second != '@' &&
            second != '$')
            return start;
        return end;
    }
    const size_t file_end = known_file_end(self, start, end, true);
    if (first == '.' && (second == '/' || (second == '.' && byte_at(self, start + 2) == '/'))) {
        const bool is_from_grep =
            file_end != start && byte_at(self, file_end) == '-'; /* -C writes name-line-text */
        return is_from_grep ? file_end : end > first_slash + 1 ? end : start;
    }
    if (first == '~' && second == '/') return end > start + 2 ? end : start;
    if (first == '-') return start;
    if (pass_over(self, start, first_slash, CLASS_DIGIT) == first_slash || first == '@') return start;
    if (file_end != start) return file_end;
    return is_folder_path(self, start, end, first_slash) ? end : start;
}

/* Places behind a path */

/* The number at `index`, 0 when there is none of at most PLACE_DIGITS_MAX digits. *end is behind it. */
static uint32_t place_number(const cairn_snippet_finder *self, size_t index, size_t *end) {
    uint32_t number = 0;
    size_t at = index;
    while (at - index < PLACE_DIGITS_MAX && is_at(self, at, CLASS_DIGIT)) {
        number = number * 10 + (self->text[at] - '0');
        at += 1;
    }
    *end = at;
    const bool is_dotted = byte_at(self, at) == '.' && is_at(self, at + 1, CLASS_DIGIT);
    return is_at(self, at, CLASS_NAME) || is_dotted ? 0 : number;
}

/* `:line[:column]`, `(line,column)`, `", line N`, `::test` behind a path. Returns how far the text is dealt
 * with. */
static size_t add_with_place(cairn_snippet_finder *self, size_t start, size_t end) {
    uint32_t line = 0, column = 0;
    size_t place = end, behind = end;
    if (byte_at(self, end) == ':' && byte_at(self, end + 1) == ':' &&
        is_at(self, end + 2, CLASS_LETTER | CLASS_UNDERSCORE)) {
        const size_t limit = end + CAIRN_SNIPPET_NAME_BYTES_MAX;
        while (place < self->length && place < limit && !is_at(self, place, CLASS_SPACE) &&
               self->text[place] != '"' && self->text[place] != '\'' && self->text[place] < 0x80)
            place += 1;
    } else if (byte_at(self, end) == ':' && (line = place_number(self, end + 1, &behind)) > 0) {
        place = behind;
        if (byte_at(self, place) == ':' && (column = place_number(self, place + 1, &behind)) > 0)
            place = behind;
    } else if (byte_at(self, end) == '(' && (line = place_number(self, end + 1, &behind)) > 0) {
        const size_t comma = behind;
        if (byte_at(self, comma) == ',' && (column = place_number(self, comma + 1, &behind)) > 0 &&
            byte_at(self, behind) == ')')
            place = behind + 1;
        else
            line = column = 0;
    } else if (STANDS_AT(self, end, "\", line ") && (line = place_number(self, end + 8, &behind)) > 0) {
        place = behind;
    }
    cairn_snippet_add_place(self, start, place, line, column);
    return place;
}

/* File "a b.py", line 12: Python's places, where the quotes tell the end of the path. */
size_t cairn_snippet_python_place(cairn_snippet_finder *self, size_t start) {
    const size_t limit = self->length - start > CAIRN_SNIPPET_MESSAGE_BYTES_MAX
                             ? start + CAIRN_SNIPPET_MESSAGE_BYTES_MAX
                             : self->length;
    size_t end = start;
    while (end < limit && self->text[end] != '"' && self->text[end] != '\n') end += 1;
    *self->looked_at += end - start;
    if (end == start || self->text[start] == '<' || !STANDS_AT(self, end, "\", line ")) return start;
    return add_with_place(self, start, end);
}

/* Files inside Node.js: node:internal/modules/cjs/loader:1210:15 */
static size_t node_path(cairn_snippet_finder *self, size_t start, size_t end) {
    if (!STANDS_AT(self, start, "node:")) return start;
    const size_t name_end = pass_over(self, start + 5, end, CLASS_NAME | CLASS_SLASH);
    if (name_end == start + 5 || byte_at(self, name_end) != ':') return start;
    return add_with_place(self, start, name_end);
}

/* A path whose last part goes on behind dividers: request queries, and names in angle brackets in routes. */
static size_t extended_end(const cairn_snippet_finder *self, size_t start, size_t end) {
    if (self->text[start] != '/' || !is_at(self, end, CLASS_DIVIDER)) return end;
    const size_t limit = end + CAIRN_SNIPPET_NAME_BYTES_MAX;
    const bool has_query = memchr(self->text + start, '?', end - start) != NULL;
    const bool has_parameter = byte_at(self, start - 1) == '"' || byte_at(self, start - 1) == '\'';
    size_t at = end;
    while (at < self->length && at < limit) {
        const uint8_t byte = self->text[at];
        const bool goes_on = !is_at(self, at, CLASS_DIVIDER) || (has_query && byte == '=') ||
                             (has_parameter && (byte == '<' || byte == '>' || byte == '{' || byte == '}'));
        if (!goes_on) break;
        at += 1;
    }
    while (at > end && memchr(".,:", self->text[at - 1], 3) != NULL) at -= 1;
    return at;
}

size_t cairn_snippet_path(cairn_snippet_finder *self, size_t start, size_t end) {
    const size_t node = node_path(self, start, end);
    if (node != start) return node;
    const uint8_t *colon = memchr(self->text + start, ':', end - start);
    size_t piece_end = colon == NULL ? end : (size_t)(colon - self->text);
    const bool is_drive = piece_end == start + 1 && is_at(self, start, CLASS_LETTER) &&
                          (byte_at(self, start + 2) == '\\' || byte_at(self, start + 2) == '/');
    if (is_drive) {
        piece_end = pass_over(self, start + 3, end, (uint16_t)~(CLASS_COLON | CLASS_DIVIDER));
        return add_with_place(self, start, piece_end);
    }
    if (memchr(self->text + start, '@', piece_end - start) != NULL && self->text[start] != '/') return start;
    size_t found = piece_end > start ? path_end(self, start, piece_end) : start;
    if (found == start) return start;
    if (found == end) found = extended_end(self, start, end);
    const uint8_t *plus = memchr(self->text + start, '+', found - start);
    if (plus == NULL || !STANDS_AT(self, (size_t)(plus - self->text), "+0x"))
        return add_with_place(self, start, found);
    cairn_snippet_add_place(
        self, start, (size_t)(plus - self->text), 0, 0); /* symbolisers: program+0x59510 */
    return found;
}

/* Ports */

static const cairn_snippet_words local_domains = {
    ['c'] = "cluster",
    ['e'] = "example",
    ['h'] = "home",
    ['i'] = "internal invalid",
    ['l'] = "lan local localdomain localhost",
    ['s'] = "svc",
    ['t'] = "test",
};

static bool is_host(const cairn_snippet_finder *self, size_t start, size_t end) {
    if (end == start || pass_over(self, start, end, CLASS_NAME | CLASS_DOT | CLASS_DASH) != end) return false;
    if (end - start == 9 && STANDS_AT(self, start, "localhost")) return true;
    size_t dot = end, dot_count = 0;
    while (dot > start && self->text[dot - 1] != '.') dot -= 1;
    if (dot == start) return false;
    for (size_t i = start; i < end; i += 1) dot_count += self->text[i] == '.';
    if (dot_count == 3 && pass_over(self, start, end, CLASS_DIGIT | CLASS_DOT) == end) return true;
    return is_listed_until(self, dot, end, domains) || is_listed_until(self, dot, end, local_domains);
}

size_t cairn_snippet_host_port(cairn_snippet_finder *self, size_t start, size_t end) {
    const uint8_t *colon = memchr(self->text + start, ':', end - start);
    if (colon == NULL) return start;
    const size_t port = (size_t)(colon - self->text) + 1;
    size_t port_end = port;
    const uint32_t number = place_number(self, port, &port_end);
    if (number == 0 || number > 65535 || self->text[port] == '0') return start;
    const bool is_wildcard = port == start + 1 && byte_at(self, start - 1) == ']'; /* [::]:80 */
    if (!is_wildcard && !is_host(self, start, port - 1)) return start;
    cairn_snippet_add(self, CAIRN_SNIPPET_PORT, port, port_end, 60);
    return port_end;
}
