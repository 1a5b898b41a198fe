/* cairn.h: the C core of Cairn in one include. Each room has its own header; this file only gathers them. */
#ifndef CAIRN_H
#define CAIRN_H

#include "cairn_bytes.h"
#include "cairn_delta.h"
#include "cairn_distill.h"
#include "cairn_fingerprint.h"
#include "cairn_json.h"
#include "cairn_novelty.h"
#include "cairn_policy.h"
#include "cairn_skim.h"
#include "cairn_snippet.h"
#include "cairn_sse.h"
#include "cairn_status.h"
#include "cairn_tokens.h"
#include "cairn_vector.h"

#endif
