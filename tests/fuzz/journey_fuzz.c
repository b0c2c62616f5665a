/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a journey's definition: it is refused with a place and a reason, or every step leads somewhere
 * and every text can be filled in. */
#include "common/template.h"
#include "services/campaign/journey.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const values[PLACEHOLDER_COUNT] = {
    "p_1", "<\"Li\" & \\\r\n>", "+8613800138000", NULL, "j_1", "send", "d_1"};

static void check(bool promise)
{
    if (!promise)
        abort();
}

static bool leads(const struct journey *journey, int step)
{
    return step == STEP_END || (step >= 0 && step < journey->step_count);
}

static void fill_in(const char *text, enum template_form form)
{
    char problem[128];
    unsigned used = 0;
    struct buffer out = BUFFER_INIT;
    if (!text)
        return;
    check(template_check(text, &used, problem) == 0);
    template_render(text, form, values, &out);
    if (form == TEMPLATE_HEADER && out.size > 0)
        check(!memchr(out.data, '\r', out.size) && !memchr(out.data, '\n', out.size));
    if (form == TEMPLATE_JSON) {
        yyjson_doc *doc = yyjson_read((char *)out.data, out.size, YYJSON_READ_NUMBER_AS_RAW);
        check(doc != NULL);
        yyjson_doc_free(doc);
    }
    buffer_free(&out);
}

static void check_send(const struct step *step)
{
    check(step->channel != CHANNEL_WEBHOOK || step->message.url);
    check(step->channel != CHANNEL_EMAIL || step->message.text || step->message.html);
    fill_in(step->message.content, TEMPLATE_JSON);
    fill_in(step->message.subject, TEMPLATE_HEADER);
    fill_in(step->message.text, TEMPLATE_TEXT);
    fill_in(step->message.html, TEMPLATE_HTML);
}

static void check_step(const struct journey *journey, const struct step *step)
{
    check(*step->id && leads(journey, step->next));
    check(step->type != STEP_CONDITION || (leads(journey, step->otherwise) && step->rule.json));
    check(step->type != STEP_WAIT || step->wait_ms > 0 || step->until_ms != 0);
    if (step->type == STEP_SEND)
        check_send(step);
    for (unsigned bucket = 0; step->type == STEP_SPLIT && bucket < 100; bucket++)
        check(leads(journey, step_side(step, bucket)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journey_problem problem = {0};
    struct journey *journey = NULL;
    if (journey_parse(data, size, &journey, &problem) == 0) {
        check(journey->step_count > 0 && journey->step_count <= JOURNEY_STEPS_MAX);
        for (int i = 0; i < journey->step_count; i++) {
            check_step(journey, &journey->steps[i]);
            check(journey_step(journey, journey->steps[i].id) == i);
        }
    } else {
        check(problem.message[0] && (!problem.pointer[0] || problem.pointer[0] == '/'));
    }
    journey_free(&journey);
    (void)journey_parse_stored(data, size, &journey);
    journey_free(&journey);
    return 0;
}
