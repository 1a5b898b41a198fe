/* cairn_outline_language.c: names of languages and kinds, and how to tell the language of a text. */
#include "cairn_outline.h"

#include <stddef.h>
#include <string.h>

/* A file name's ending, or the word behind a code fence. */
typedef struct tag {
    const char *word;
    cairn_outline_language language;
} tag;

static const tag endings[] = {
    {"rs", CAIRN_OUTLINE_RUST},       {"py", CAIRN_OUTLINE_PYTHON},      {"pyi", CAIRN_OUTLINE_PYTHON},
    {"pyw", CAIRN_OUTLINE_PYTHON},    {"ts", CAIRN_OUTLINE_TYPESCRIPT},  {"mts", CAIRN_OUTLINE_TYPESCRIPT},
    {"cts", CAIRN_OUTLINE_TYPESCRIPT}, {"tsx", CAIRN_OUTLINE_TSX},       {"js", CAIRN_OUTLINE_JAVASCRIPT},
    {"mjs", CAIRN_OUTLINE_JAVASCRIPT}, {"cjs", CAIRN_OUTLINE_JAVASCRIPT}, {"jsx", CAIRN_OUTLINE_JAVASCRIPT},
    {"java", CAIRN_OUTLINE_JAVA},     {"c", CAIRN_OUTLINE_C},            {"h", CAIRN_OUTLINE_C},
    {"cpp", CAIRN_OUTLINE_CPP},       {"cc", CAIRN_OUTLINE_CPP},         {"cxx", CAIRN_OUTLINE_CPP},
    {"c++", CAIRN_OUTLINE_CPP},       {"hpp", CAIRN_OUTLINE_CPP},        {"hh", CAIRN_OUTLINE_CPP},
    {"hxx", CAIRN_OUTLINE_CPP},       {"h++", CAIRN_OUTLINE_CPP},        {"ipp", CAIRN_OUTLINE_CPP},
    {"tpp", CAIRN_OUTLINE_CPP},       {"inl", CAIRN_OUTLINE_CPP},        {"cu", CAIRN_OUTLINE_CPP},
    {"cs", CAIRN_OUTLINE_C_SHARP},    {"csx", CAIRN_OUTLINE_C_SHARP},    {"go", CAIRN_OUTLINE_GO},
    {NULL, CAIRN_OUTLINE_UNKNOWN},
};

/* Beside the endings, which are used as tags too. */
static const tag names[] = {
    {"rust", CAIRN_OUTLINE_RUST},
    {"python", CAIRN_OUTLINE_PYTHON},
    {"python3", CAIRN_OUTLINE_PYTHON},
    {"typescript", CAIRN_OUTLINE_TYPESCRIPT},
    {"javascript", CAIRN_OUTLINE_JAVASCRIPT},
    {"ecmascript", CAIRN_OUTLINE_JAVASCRIPT},
    {"node", CAIRN_OUTLINE_JAVASCRIPT},
    {"cplusplus", CAIRN_OUTLINE_CPP},
    {"cuda", CAIRN_OUTLINE_CPP},
    {"csharp", CAIRN_OUTLINE_C_SHARP},
    {"c#", CAIRN_OUTLINE_C_SHARP},
    {"golang", CAIRN_OUTLINE_GO},
    {NULL, CAIRN_OUTLINE_UNKNOWN},
};

/* What a line may look like, from its first byte that is no blank. `behind`, if there is one, must follow on the same
 * line. The points say how sure it makes us; the language with the most wins. */
typedef struct sign {
    const char *front;
    const char *behind;
    cairn_outline_language language;
    int points;
} sign;

enum { POINTS_MIN = 3 };

static const sign signs[] = {
    {"fn ", "(", CAIRN_OUTLINE_RUST, 3},
    {"pub fn ", "(", CAIRN_OUTLINE_RUST, 5},
    {"pub(crate) ", NULL, CAIRN_OUTLINE_RUST, 5},
    {"pub struct ", NULL, CAIRN_OUTLINE_RUST, 5},
    {"pub enum ", NULL, CAIRN_OUTLINE_RUST, 5},
    {"pub trait ", NULL, CAIRN_OUTLINE_RUST, 5},
    {"pub mod ", NULL, CAIRN_OUTLINE_RUST, 5},
    {"pub use ", NULL, CAIRN_OUTLINE_RUST, 5},
    {"impl ", "{", CAIRN_OUTLINE_RUST, 5},
    {"impl<", NULL, CAIRN_OUTLINE_RUST, 5},
    {"use ", "::", CAIRN_OUTLINE_RUST, 4},
    {"let mut ", NULL, CAIRN_OUTLINE_RUST, 3},
    {"#[", "]", CAIRN_OUTLINE_RUST, 3},
    {"#![", "]", CAIRN_OUTLINE_RUST, 5},
    {"def ", ":", CAIRN_OUTLINE_PYTHON, 4},
    {"async def ", ":", CAIRN_OUTLINE_PYTHON, 5},
    {"class ", "):", CAIRN_OUTLINE_PYTHON, 4},
    {"elif ", ":", CAIRN_OUTLINE_PYTHON, 3},
    {"except ", ":", CAIRN_OUTLINE_PYTHON, 3},
    {"from ", " import ", CAIRN_OUTLINE_PYTHON, 4},
    {"if __name__ ==", NULL, CAIRN_OUTLINE_PYTHON, 5},
    {"\"\"\"", NULL, CAIRN_OUTLINE_PYTHON, 2},
    {"import ", " as ", CAIRN_OUTLINE_PYTHON, 1},
    {"self.", NULL, CAIRN_OUTLINE_PYTHON, 1},
    {"#!", "python", CAIRN_OUTLINE_PYTHON, 9},
    {"#!", "node", CAIRN_OUTLINE_JAVASCRIPT, 9},
    {"'use strict'", NULL, CAIRN_OUTLINE_JAVASCRIPT, 5},
    {"\"use strict\"", NULL, CAIRN_OUTLINE_JAVASCRIPT, 5},
    {"const ", "require(", CAIRN_OUTLINE_JAVASCRIPT, 5},
    {"var ", "require(", CAIRN_OUTLINE_JAVASCRIPT, 5},
    {"module.exports", NULL, CAIRN_OUTLINE_JAVASCRIPT, 5},
    {"exports.", NULL, CAIRN_OUTLINE_JAVASCRIPT, 3},
    {"function ", "{", CAIRN_OUTLINE_JAVASCRIPT, 3},
    {"async function ", "{", CAIRN_OUTLINE_JAVASCRIPT, 3},
    {"export ", NULL, CAIRN_OUTLINE_JAVASCRIPT, 3},
    {"import ", " from '", CAIRN_OUTLINE_JAVASCRIPT, 4},
    {"import ", " from \"", CAIRN_OUTLINE_JAVASCRIPT, 4},
    {"const ", "=>", CAIRN_OUTLINE_JAVASCRIPT, 3},
    {"const ", "function", CAIRN_OUTLINE_JAVASCRIPT, 3},
    {"constructor(", "{", CAIRN_OUTLINE_JAVASCRIPT, 3},
    {"this.", NULL, CAIRN_OUTLINE_JAVASCRIPT, 1},
    {"let ", " = ", CAIRN_OUTLINE_JAVASCRIPT, 1},
    {"interface ", "{", CAIRN_OUTLINE_TYPESCRIPT, 2},
    {"export interface ", NULL, CAIRN_OUTLINE_TYPESCRIPT, 9},
    {"export type ", NULL, CAIRN_OUTLINE_TYPESCRIPT, 9},
    {"export enum ", NULL, CAIRN_OUTLINE_TYPESCRIPT, 9},
    {"export abstract ", NULL, CAIRN_OUTLINE_TYPESCRIPT, 9},
    {"import type ", NULL, CAIRN_OUTLINE_TYPESCRIPT, 9},
    {"declare ", NULL, CAIRN_OUTLINE_TYPESCRIPT, 6},
    {"function ", "): ", CAIRN_OUTLINE_TYPESCRIPT, 5},
    {"export function ", "): ", CAIRN_OUTLINE_TYPESCRIPT, 7},
    {"export async function ", "): ", CAIRN_OUTLINE_TYPESCRIPT, 7},
    {"private ", ": ", CAIRN_OUTLINE_TYPESCRIPT, 3},
    {"readonly ", ": ", CAIRN_OUTLINE_TYPESCRIPT, 4},
    {"type ", " = ", CAIRN_OUTLINE_TYPESCRIPT, 3},
    {"import java", ";", CAIRN_OUTLINE_JAVA, 6},
    {"import ", ".*;", CAIRN_OUTLINE_JAVA, 5},
    {"import static ", ";", CAIRN_OUTLINE_JAVA, 6},
    {"import org.", ";", CAIRN_OUTLINE_JAVA, 5},
    {"import com.", ";", CAIRN_OUTLINE_JAVA, 5},
    {"package ", ";", CAIRN_OUTLINE_JAVA, 6},
    {"@Override", NULL, CAIRN_OUTLINE_JAVA, 6},
    {"public static void main(", NULL, CAIRN_OUTLINE_JAVA, 6},
    {"private final ", ";", CAIRN_OUTLINE_JAVA, 4},
    {"public class ", "{", CAIRN_OUTLINE_JAVA, 3},
    {"public final class ", NULL, CAIRN_OUTLINE_JAVA, 4},
    {"#include ", NULL, CAIRN_OUTLINE_C, 4},
    {"#define ", NULL, CAIRN_OUTLINE_C, 2},
    {"#ifndef ", NULL, CAIRN_OUTLINE_C, 2},
    {"#ifdef ", NULL, CAIRN_OUTLINE_C, 2},
    {"#pragma once", NULL, CAIRN_OUTLINE_C, 3},
    {"typedef ", NULL, CAIRN_OUTLINE_C, 3},
    {"static ", "(", CAIRN_OUTLINE_C, 1},
    {"struct ", "{", CAIRN_OUTLINE_C, 1},
    {"int main(", NULL, CAIRN_OUTLINE_C, 4},
    {"void ", ");", CAIRN_OUTLINE_C, 1},
    {"int ", ");", CAIRN_OUTLINE_C, 1},
    {"#include <iostream>", NULL, CAIRN_OUTLINE_CPP, 5},
    {"#include <string>", NULL, CAIRN_OUTLINE_CPP, 5},
    {"#include <vector>", NULL, CAIRN_OUTLINE_CPP, 5},
    {"#include <memory>", NULL, CAIRN_OUTLINE_CPP, 5},
    {"template", "<", CAIRN_OUTLINE_CPP, 6},
    {"namespace ", "{", CAIRN_OUTLINE_CPP, 4},
    {"namespace ", NULL, CAIRN_OUTLINE_CPP, 1},
    {"using namespace ", ";", CAIRN_OUTLINE_CPP, 6},
    {"using ", " = ", CAIRN_OUTLINE_CPP, 2},
    {"std::", NULL, CAIRN_OUTLINE_CPP, 4},
    {"public:", NULL, CAIRN_OUTLINE_CPP, 6},
    {"private:", NULL, CAIRN_OUTLINE_CPP, 6},
    {"protected:", NULL, CAIRN_OUTLINE_CPP, 6},
    {"class ", "{", CAIRN_OUTLINE_CPP, 1},
    {"constexpr ", NULL, CAIRN_OUTLINE_CPP, 4},
    {"virtual ", NULL, CAIRN_OUTLINE_CPP, 4},
    {"using System", ";", CAIRN_OUTLINE_C_SHARP, 6},
    {"using Microsoft", ";", CAIRN_OUTLINE_C_SHARP, 6},
    {"namespace ", ".", CAIRN_OUTLINE_C_SHARP, 4},
    {"namespace ", ";", CAIRN_OUTLINE_C_SHARP, 4},
    {"public ", "{ get;", CAIRN_OUTLINE_C_SHARP, 6},
    {"get ", NULL, CAIRN_OUTLINE_C_SHARP, 1},
    {"public override ", NULL, CAIRN_OUTLINE_C_SHARP, 5},
    {"internal ", NULL, CAIRN_OUTLINE_C_SHARP, 4},
    {"public sealed ", NULL, CAIRN_OUTLINE_C_SHARP, 4},
    {"public partial ", NULL, CAIRN_OUTLINE_C_SHARP, 5},
    {"private readonly ", ";", CAIRN_OUTLINE_C_SHARP, 5},
    {"public async Task", NULL, CAIRN_OUTLINE_C_SHARP, 6},
    {"var ", ";", CAIRN_OUTLINE_C_SHARP, 1},
    {"package ", NULL, CAIRN_OUTLINE_GO, 4},
    {"func ", "{", CAIRN_OUTLINE_GO, 4},
    {"func (", "{", CAIRN_OUTLINE_GO, 5},
    {"import (", NULL, CAIRN_OUTLINE_GO, 5},
    {"type ", " struct {", CAIRN_OUTLINE_GO, 6},
    {"type ", " interface {", CAIRN_OUTLINE_GO, 6},
    {"if err != nil {", NULL, CAIRN_OUTLINE_GO, 6},
    {"import \"", NULL, CAIRN_OUTLINE_GO, 3},
    {NULL, NULL, CAIRN_OUTLINE_UNKNOWN, 0},
};

static uint8_t lower(uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte; }

/* The language of a tag, in letters of either case. */
static cairn_outline_language look_up(const tag *tags, cairn_outline_bytes word) {
    for (; tags->word != NULL; tags += 1) {
        if (strlen(tags->word) != word.length) continue;
        size_t i = 0;
        while (i < word.length && lower(word.bytes[i]) == (uint8_t)tags->word[i]) i += 1;
        if (i == word.length) return tags->language;
    }
    return CAIRN_OUTLINE_UNKNOWN;
}

static cairn_outline_language language_of_path(cairn_outline_bytes path) {
    size_t start = path.length;
    while (start > 0 && path.bytes[start - 1] != '.') start -= 1;
    if (start < 2 || path.bytes[start - 2] == '/') return CAIRN_OUTLINE_UNKNOWN; /* no ending, or all of the name */
    return look_up(endings, (cairn_outline_bytes){path.bytes + start, path.length - start});
}

/* Of "rust,no_run", "{.python}", "ts title=a". */
static cairn_outline_language language_of_tag(cairn_outline_bytes tag_span) {
    size_t start = 0;
    while (start < tag_span.length && strchr(" \t{.", tag_span.bytes[start]) != NULL) start += 1;
    size_t end = start;
    while (end < tag_span.length && strchr(" \t\r\n,:;{}", tag_span.bytes[end]) == NULL) end += 1;
    const cairn_outline_bytes word = {start == end ? NULL : tag_span.bytes + start, end - start};
    const cairn_outline_language language = look_up(names, word);
    return language != CAIRN_OUTLINE_UNKNOWN ? language : look_up(endings, word);
}

static bool begins_with(const uint8_t *text, size_t length, const char *front) {
    const size_t front_length = strlen(front);
    return length >= front_length && memcmp(text, front, front_length) == 0;
}

static bool contains(const uint8_t *text, size_t length, const char *part) {
    for (size_t i = 0; i < length; i += 1) {
        if (text[i] == (uint8_t)part[0] && begins_with(text + i, length - i, part)) return true;
    }
    return false;
}

static void count_line(const uint8_t *line, size_t length, int points[CAIRN_OUTLINE_LANGUAGE_COUNT]) {
    size_t start = 0;
    while (start < length && (line[start] == ' ' || line[start] == '\t')) start += 1;
    for (const sign *sign = signs; sign->front != NULL; sign += 1) {
        if (start == length || line[start] != (uint8_t)sign->front[0]) continue;
        if (!begins_with(line + start, length - start, sign->front)) continue;
        const size_t behind = start + strlen(sign->front);
        const bool fits = sign->behind == NULL || contains(line + behind, length - behind, sign->behind);
        if (fits) points[sign->language] += sign->points;
    }
}

static void count_signs(cairn_outline_bytes text, int points[CAIRN_OUTLINE_LANGUAGE_COUNT]) {
    size_t length = text.length;
    if (length > CAIRN_OUTLINE_SAMPLE_BYTES_MAX) length = CAIRN_OUTLINE_SAMPLE_BYTES_MAX;
    size_t start = 0;
    while (start < length) {
        const uint8_t *end = memchr(text.bytes + start, '\n', length - start);
        const size_t line_length = end == NULL ? length - start : (size_t)(end - text.bytes) - start;
        count_line(text.bytes + start, line_length, points);
        start += line_length + 1;
    }
}

static cairn_outline_language language_of_text(cairn_outline_bytes text) {
    int points[CAIRN_OUTLINE_LANGUAGE_COUNT] = {0};
    count_signs(text, points);
    /* What is TypeScript is JavaScript too, and what is C++ is C: a little of the larger decides. */
    if (points[CAIRN_OUTLINE_TYPESCRIPT] >= POINTS_MIN) {
        points[CAIRN_OUTLINE_TYPESCRIPT] += points[CAIRN_OUTLINE_JAVASCRIPT];
    }
    if (points[CAIRN_OUTLINE_CPP] >= POINTS_MIN) points[CAIRN_OUTLINE_CPP] += points[CAIRN_OUTLINE_C];
    int best = CAIRN_OUTLINE_UNKNOWN;
    for (int language = 1; language < CAIRN_OUTLINE_LANGUAGE_COUNT; language += 1) {
        if (points[language] > points[best]) best = language;
    }
    return points[best] >= POINTS_MIN ? (cairn_outline_language)best : CAIRN_OUTLINE_UNKNOWN;
}

static bool is_plain_header(cairn_outline_bytes path) {
    return path.length >= 2 && path.bytes[path.length - 2] == '.' && lower(path.bytes[path.length - 1]) == 'h';
}

cairn_outline_language cairn_outline_language_of(
    cairn_outline_bytes path, cairn_outline_bytes fence_tag, cairn_outline_bytes text) {
    cairn_outline_language language = language_of_path(path);
    if (language == CAIRN_OUTLINE_UNKNOWN) language = language_of_tag(fence_tag);
    if (language == CAIRN_OUTLINE_UNKNOWN) return language_of_text(text);
    const bool is_open = language == CAIRN_OUTLINE_C && is_plain_header(path);
    return is_open && language_of_text(text) == CAIRN_OUTLINE_CPP ? CAIRN_OUTLINE_CPP : language;
}

const char *cairn_outline_language_name(cairn_outline_language language) {
    static const char *const language_names[CAIRN_OUTLINE_LANGUAGE_COUNT] = {
        "", "rust", "python", "typescript", "tsx", "javascript", "java", "c", "cpp", "c_sharp", "go",
    };
    return (unsigned)language < CAIRN_OUTLINE_LANGUAGE_COUNT ? language_names[language] : "";
}

const char *cairn_outline_kind_name(cairn_outline_kind kind) {
    static const char *const kind_names[] = {
        "", "import", "module", "class", "type", "function", "method", "constant", "macro", "implementation",
    };
    return (unsigned)kind < sizeof kind_names / sizeof *kind_names ? kind_names[kind] : "";
}
