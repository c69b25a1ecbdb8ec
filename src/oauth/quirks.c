/* SPDX-License-Identifier: BSD-2-Clause */

/* The table of quirks. A row is added together with the code that tests its flag, with its story,
 * and with its line in grantd.yaml(5); tests/lint/quirks.py holds them together. */

#include <errno.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "oauth/quirks.h"

const struct quirk_row quirks_table[QUIRKS_N] = {
	{
		.flag = QUIRK_DEVICE_RESPONSE_TYPE,
		.name = "device_response_type",
		.does = "The device code is asked for with response_type=device_code, and polled "
			"for with grant_type=device and code.",
		.source = "https://github.com/forcedotcom/sfdx-core/blob/main/src/"
			  "deviceOauthService.ts",
		.seen = "2026-11-23",
		.story = "quirk-device-response-type",
	},
	{
		.flag = QUIRK_DEVICE_CODE_AS_CODE,
		.name = "device_code_as_code",
		.does = "The poll carries the device code as code, too.",
		.source = "https://github.com/SSSD/sssd/blob/master/src/oidc_child/"
			  "oidc_child_curl.c",
		.seen = "2026-11-23",
		.story = "quirk-device-code-as-code",
	},
	{
		.flag = QUIRK_DEVICE_LEGACY_GRANT,
		.name = "device_legacy_grant",
		.does = "The poll has the grant_type http://oauth.net/grant_type/device/1.0 of "
			"before RFC 8628, and the device code as code.",
		.source = "https://github.com/pipacs/o2/pull/130",
		.seen = "2026-11-23",
		.story = "quirk-device-legacy-grant",
	},
	{
		.flag = QUIRK_DEVICE_CLIENT_ID_ONCE,
		.name = "device_client_id_once",
		.does = "A device request with client_id in the body beside client_secret_basic is "
			"refused: it is left out there.",
		.source = "https://github.com/postgres/postgres/blob/master/src/interfaces/"
			  "libpq-oauth/oauth-curl.c",
		.seen = "2026-11-23",
		.story = "quirk-device-client-id-once",
	},
	{
		.flag = QUIRK_POLL_LATE,
		.name = "poll_late",
		.does = "A poll at exactly the interval draws slow_down: it is sent a second "
			"later.",
		.source = "https://github.com/octokit/auth-oauth-device.js/pull/334",
		.seen = "2026-11-23",
		.story = "quirk-poll-late",
	},
	{
		.flag = QUIRK_CLIENT_ID_IN_BODY,
		.name = "client_id_in_body",
		.does = "A token request without client_id in the body is refused, also beside "
			"client_secret_basic.",
		.source = "https://github.com/apereo/cas/pull/4746",
		.seen = "2026-11-23",
		.story = "quirk-client-id-in-body",
	},
	{
		.flag = QUIRK_REFRESH_WITH_SCOPE,
		.name = "refresh_with_scope",
		.does = "A refresh without scope is refused, or narrows the grant: the scopes are "
			"sent along.",
		.source = "https://github.com/indigo-dc/oidc-agent/blob/master/src/oidc-agent/"
			  "oidc/flows/refresh.c",
		.seen = "2026-11-23",
		.story = "quirk-refresh-with-scope",
	},
	{
		.flag = QUIRK_SCOPE_COMMAS,
		.name = "scope_commas",
		.does = "The scopes of a request are parted by commas.",
		.source = "https://www.zoho.com/accounts/protocol/oauth/web-apps/"
			  "authorization.html",
		.seen = "2026-11-23",
		.story = "quirk-scope-commas",
	},
	{
		.flag = QUIRK_SCOPE_COMMAS_REPLY,
		.name = "scope_commas_reply",
		.does = "The scopes of a reply are parted by commas.",
		.source = "https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/"
			  "authorizing-oauth-apps",
		.seen = "2026-11-23",
		.story = "quirk-scope-commas-reply",
	},
	{
		.flag = QUIRK_TOKEN_UNDER_AUTHED_USER,
		.name = "token_under_authed_user",
		.does = "The token of the person stands in the member authed_user of the reply.",
		.source = "https://github.com/NVIDIA/nemoclaw-community/pull/122",
		.seen = "2026-11-23",
		.story = "quirk-token-under-authed-user",
	},
	{
		.flag = QUIRK_TOKEN_REPLY_SIGNATURE,
		.name = "token_reply_signature",
		.does = "A token reply is signed: signature is the HMAC-SHA256 of id and issued_at "
			"with the client secret. It is checked where there is a secret.",
		.source = "https://help.salesforce.com/s/articleView?"
			  "id=sf.remoteaccess_oauth_web_server_flow.htm",
		.seen = "2026-11-23",
		.story = "quirk-token-reply-signature",
	},
	{
		.flag = QUIRK_NO_PKCE_DEVICE,
		.name = "no_pkce_device",
		.does = "The device flow knows no PKCE, and may refuse what it does not know: no "
			"code_challenge is sent.",
		.source = "https://github.com/DuendeArchive/Support/issues/200",
		.seen = "2026-11-23",
		.story = "quirk-no-pkce-device",
	},
	{
		.flag = QUIRK_NO_PKCE_PASTE,
		.name = "no_pkce_paste",
		.does = "The authorization code flow knows no PKCE, and may refuse what it does "
			"not know: none is used, and no bare code is taken.",
		.source = "https://developers.hubspot.com/docs/api-reference/auth-oauth-v3/guide",
		.seen = "2026-11-24",
		.story = "quirk-no-pkce-paste",
	},
	{
		.flag = QUIRK_DEVICE_SCOPES,
		.name = "device_scopes",
		.does = "The device flow has the scopes as scopes, in polls too.",
		.source = "https://github.com/twitchdev/issues/issues/1130",
		.seen = "2026-11-24",
		.story = "quirk-device-scopes",
	},
	{
		.flag = QUIRK_IDENTITY_AT_ID,
		.name = "identity_at_id",
		.does = "A token reply tells in id where the approver is described: that path of the "
			"issuer is asked where userinfo gives nothing.",
		.source = "https://help.salesforce.com/s/articleView?"
			  "id=sf.remoteaccess_using_openid.htm",
		.seen = "2026-11-24",
		.story = "quirk-identity-at-id",
	},
	{
		.flag = QUIRK_SCOPE_BY_ADMIN,
		.name = "scope_by_admin",
		.does = "Where nobody approves, the scopes are those that an administrator has set "
			"at the provider, and a parameter for them is refused: none is sent.",
		.source = "https://help.salesforce.com/s/articleView?"
			  "id=sf.remoteaccess_oauth_jwt_flow.htm",
		.seen = "2026-11-24",
		.story = "quirk-scope-by-admin",
	},
	{
		.flag = QUIRK_TOKEN_BY_QUERY,
		.name = "token_by_query",
		.does = "A token by client_credentials is shown to be asked for by GET, with the "
			"parameters in the address: that is done where a form is refused.",
		.source = "https://experienceleague.adobe.com/en/docs/marketo-developer/marketo/"
			  "rest/authentication",
		.seen = "2026-11-24",
		.story = "quirk-token-by-query",
	},
};

const char *quirk_name(unsigned i)
{
	return quirks_table[i].name;
}

int quirk_from_string(const char *text, enum quirk *ret)
{
	for (unsigned i = 0; i < QUIRKS_N; i++)
		if (text_equal(text, quirks_table[i].name)) {
			*ret = quirks_table[i].flag;
			return 0;
		}
	return -EINVAL;
}
