/* SPDX-License-Identifier: Apache-2.0 */
/* The page that an invitation's link leads to: it takes a password and nothing else. The token stays behind "#" until it is used. */
#include "services/gateway/api.h"
#include "services/gateway/invitation.h"

#include <stdio.h>

/* %s: what marks the style and the script as ours. */
static const char page[] =
    "<!doctype html><html lang=\"zh\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
    "content=\"width=device-width\">"
    "<title>Quanyu</title>"
    "<style nonce=\"%s\">body{font:16px sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}"
    "input,button{font:inherit;width:100%%;padding:.5rem;margin:.5rem 0;box-sizing:border-box}</style>"
    "<h1>Quanyu</h1><form><label>设置密码 · Choose a password<input type=\"password\" name=\"password\" "
    "autocomplete=\"new-password\" required></label><button>保存 · Save</button></form><p "
    "role=\"status\"></p>"
    "<script nonce=\"%s\">"
    "const form=document.querySelector('form'),status=document.querySelector('p');"
    "form.addEventListener('submit',async event=>{event.preventDefault();"
    "const answer=await fetch('/api/v1/invitations/accept',{method:'POST',body:JSON.stringify("
    "{token:location.hash.slice(1),password:form.password.value})});"
    "const body=await answer.json();"
    "if(answer.ok){history.replaceState(null,'',location.pathname);form.remove();"
    "status.textContent='✓ '+body.login;}else{status.textContent=(body.field?body.field+' "
    "':'')+body.detail;}});"
    "</script></html>";

int invitation_show(struct api_call *call)
{
    char nonce[SECRET_TEXT_BYTES], policy[256];
    secret_make("n", nonce);
    snprintf(policy, sizeof(policy),
        "default-src 'none'; connect-src 'self'; style-src 'nonce-%s'; script-src 'nonce-%s'; form-action "
        "'none'; "
        "base-uri 'none'; frame-ancestors 'none'",
        nonce, nonce);
    http_add_header(call->request, "Content-Security-Policy", policy);
    http_add_header(call->request, "Referrer-Policy", "no-referrer");
    http_add_header(call->request, "Cache-Control", "no-store");
    buffer_printf(&call->out, page, nonce, nonce);
    return 0;
}
