// SPDX-License-Identifier: BSD-2-Clause
//
// An HTTP/2 server that misbehaves by path, for test-http.c. Arguments: certificate, key. Prints
// its port and stops when its standard input ends.
//
//   /echo       method, headers, body, number of the connection and of the request on it
//   /refuse     the stream is refused (RFC 9113 §8.7) after the whole request was read
//   /goaway     the connection ends with GOAWAY after the whole request was read, without a reply
//   /close-if-reused   replies on a new connection, drops a reused one
//   /early/stays, /early/reset   a whole reply before the body is read, which is never; then the
//               stream is left, or reset with NO_ERROR (RFC 9113 §8.1)
//   /silent     no reply
//   /count?TARGET      how many requests for TARGET were read, body and all

"use strict";

const fs = require("fs");
const http2 = require("http2");

const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;
const arrivals = new Map();
let sessions = 0;

function reply(stream, value) {
	const body = JSON.stringify(value);

	stream.respond({ ":status": 200, "content-type": "application/json",
		"content-length": body.length });
	stream.end(body);
}

function early(stream, how) {
	reply(stream, { early: how });
	if (how === "reset")
		stream.close(NGHTTP2_NO_ERROR);
}

const behaviours = {
	"/echo": (stream, request) => reply(stream, request),
	"/refuse": (stream) => stream.close(NGHTTP2_REFUSED_STREAM),
	"/goaway": (stream) => {
		stream.session.goaway(NGHTTP2_NO_ERROR, 0);
		stream.session.destroy();
	},
	"/close-if-reused": (stream, request) => {
		if (request.nth === 1)
			reply(stream, request);
		else
			stream.session.destroy();
	},
	"/silent": () => {},
	"/count": (stream, request) => reply(stream,
		arrivals.get(request.target.slice("/count?".length)) || 0),
};

function serve(stream, headers) {
	const session = stream.session;
	const target = headers[":path"];
	let body = "";

	stream.on("error", () => {}); // a client that goes away is what many tests are about
	session.served = (session.served || 0) + 1;
	const nth = session.served;
	if (target.startsWith("/early/"))
		return early(stream, target.split("?")[0].slice("/early/".length));
	stream.on("data", (data) => { body += data; });
	stream.on("end", () => {
		arrivals.set(target, (arrivals.get(target) || 0) + 1);
		behaviours[target.split("?")[0]](stream,
			{ target, headers, body, connection: session.number, nth });
	});
}

const server = http2.createSecureServer({
	cert: fs.readFileSync(process.argv[2]),
	key: fs.readFileSync(process.argv[3]),
});
server.on("session", (session) => {
	session.number = ++sessions;
	session.on("error", () => {});
});
server.on("stream", serve);
server.listen(0, "127.0.0.1", () => {
	console.log("h2 " + server.address().port);
	console.log("ready");
});
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
