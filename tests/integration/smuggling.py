# SPDX-License-Identifier: Apache-2.0
"""Requests whose end two servers may see in different places: what a second request is hidden with. Collected from the public lists
(CL.TE, TE.CL, TE.TE, CL.0, 0.CL, chunk extensions and terminators, line ends, folded lines, lengths)."""

CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
TE = "Transfer-Encoding: chunked\r\n"


def head(fields, line="POST /v1/track HTTP/1.1"):
    return f"{line}\r\nHost: a\r\n{fields}\r\n".encode("latin-1")


def with_length(value, body=b"hello"):
    return head(f"Content-Length:{value}\r\n") + body


def with_coding(fields, body=CHUNKS):
    return head(fields) + body


def with_chunks(body):
    return head(TE) + body


LENGTHS = {
    "twice the same": " 5\r\nContent-Length: 5",
    "twice, different": " 5\r\nContent-Length: 0",
    "twice, in other letters": " 5\r\ncontent-length: 0",
    "a list of the same": " 5, 5",
    "a list of different ones": " 5, 0",
    "plus": " +5",
    "minus": " -5",
    "minus nothing": " -0",
    "hexadecimal": " 0x5",
    "hexadecimal digits": " a",
    "exponent": " 5e0",
    "underscore": " 5_0",
    "fraction": " 5.0",
    "two numbers": " 5 5",
    "semicolon": " 5;",
    "quoted": ' "5"',
    "empty": "",
    "blanks alone": "  ",
    "vertical tab": " \x0b5",
    "form feed": " \x0c5",
    "tab behind": " 5\t",
    "NUL behind": " 5\0",
    "NUL before": " \x005",
    "no-break space": " \xa05",
    "wraps at 64 bits": " 18446744073709551621",
    "more digits than any number has": " " + "9" * 100,
    "carriage return inside": " 5\r5",
    "line feed inside": " 5\nX: y",
    "folded": "\r\n 5",
}

CODINGS = {
    "CL.TE": "Content-Length: 15\r\n" + TE,
    "TE.CL": TE + "Content-Length: 15\r\n",
    "CL.TE, length nothing": "Content-Length: 0\r\n" + TE,
    "twice": TE + TE,
    "twice, the second unknown": TE + "Transfer-encoding: cow\r\n",
    "twice, the second identity": TE + "Transfer-Encoding: identity\r\n",
    "identity": "Transfer-Encoding: identity\r\n",
    "chunked, identity": "Transfer-Encoding: chunked, identity\r\n",
    "identity, chunked": "Transfer-Encoding: identity, chunked\r\n",
    "chunked, chunked": "Transfer-Encoding: chunked, chunked\r\n",
    "chunked and a comma": "Transfer-Encoding: chunked,\r\n",
    "a comma and chunked": "Transfer-Encoding: ,chunked\r\n",
    "gzip, chunked": "Transfer-Encoding: gzip, chunked\r\n",
    "xchunked": "Transfer-Encoding: xchunked\r\n",
    "chunkedx": "Transfer-Encoding: chunkedx\r\n",
    "chunk": "Transfer-Encoding: chunk\r\n",
    "in quotes": 'Transfer-Encoding: "chunked"\r\n',
    "in apostrophes": "Transfer-Encoding: 'chunked'\r\n",
    "with a parameter": "Transfer-Encoding: chunked;q=1\r\n",
    "empty": "Transfer-Encoding:\r\n",
    "space before the colon": "Transfer-Encoding : chunked\r\n",
    "tab before the colon": "Transfer-Encoding\t: chunked\r\n",
    "space before the name": " Transfer-Encoding: chunked\r\n",
    "tab before the name": "\tTransfer-Encoding: chunked\r\n",
    "folded value": "Transfer-Encoding:\r\n chunked\r\n",
    "folded with a tab": "Transfer-Encoding:\r\n\tchunked\r\n",
    "folded behind": "Transfer-Encoding: chunked\r\n ,identity\r\n",
    "folded name": "Transfer-Encoding\r\n : chunked\r\n",
    "vertical tab": "Transfer-Encoding:\x0bchunked\r\n",
    "form feed": "Transfer-Encoding:\x0cchunked\r\n",
    "no-break space": "Transfer-Encoding:\xa0chunked\r\n",
    "NUL before": "Transfer-Encoding:\0chunked\r\n",
    "NUL behind": "Transfer-Encoding: chunked\0\r\n",
    "NUL in the name": "Transfer\0-Encoding: chunked\r\n",
    "delete": "Transfer-Encoding: chunked\x7f\r\n",
    "carriage return inside": "Transfer-Encoding: chu\rnked\r\n",
    "carriage return behind": "Transfer-Encoding: chunked\r\r\n",
    "line feed alone before it": "X: y\nTransfer-Encoding: chunked\r\n",
    "line feed alone behind it": "Transfer-Encoding: chunked\nX: y\r\n",
    "carriage return alone before it": "X: y\rTransfer-Encoding: chunked\r\n",
    "no colon": "Transfer-Encoding chunked\r\n",
    "no name": ": chunked\r\n",
    "name in quotes": '"Transfer-Encoding": chunked\r\n',
    "name with a letter of another alphabet": "Tr\xe4nsfer-Encoding: chunked\r\n",
}

CHUNKED = {
    "size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size with plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "size with minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "size with a space before": b" 5\r\nhello\r\n0\r\n\r\n",
    "size with a space behind": b"5 \r\nhello\r\n0\r\n\r\n",
    "size with a tab behind": b"5\t\r\nhello\r\n0\r\n\r\n",
    "size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "size with a NUL": b"5\0\r\nhello\r\n0\r\n\r\n",
    "size that is no number": b"g\r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "size that wraps at 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size that wraps at 128 bits": b"1" + b"0" * 31 + b"5\r\nhello\r\n0\r\n\r\n",
    "line feed alone behind the size": b"5\nhello\r\n0\r\n\r\n",
    "carriage return alone behind the size": b"5\rhello\r\n0\r\n\r\n",
    "two carriage returns behind the size": b"5\r\r\nhello\r\n0\r\n\r\n",
    "line feed alone behind the data": b"5\r\nhello\n0\r\n\r\n",
    "carriage return alone behind the data": b"5\r\nhello\r0\r\n\r\n",
    "nothing behind the data": b"5\r\nhello0\r\n\r\n",
    "other bytes behind the data": b"5\r\nhelloXX0\r\n\r\n",
    "more data than was said": b"5\r\nhello!\r\n0\r\n\r\n",
    "extension without a name": b"5;\r\nhello\r\n0\r\n\r\n",
    "line feed alone in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "line feed alone behind an extension": b"5;a=b\nhello\r\n0\r\n\r\n",
    "carriage return alone in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a\0b\r\nhello\r\n0\r\n\r\n",
    "extension without its semicolon": b"5 a\r\nhello\r\n0\r\n\r\n",
    "quotes that do not close": b'5;a="b\r\nhello\r\n0\r\n\r\n',
    "line feed alone at the end": b"5\r\nhello\r\n0\n\n",
    "line feed alone behind the last size": b"5\r\nhello\r\n0\n\r\n",
    "line feed alone for the last line": b"5\r\nhello\r\n0\r\n\n",
    "last size with a sign": b"5\r\nhello\r\n-0\r\n\r\n",
    "trailer that frames": b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "trailer that frames anew": b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "trailer without a colon": b"5\r\nhello\r\n0\r\nGET /v1/track HTTP/1.1\r\n\r\n",
    "trailer with a space before its colon": b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "folded trailer": b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
    "line feed alone in a trailer": b"5\r\nhello\r\n0\r\nX: y\n\r\n",
}

WHOLE = {
    "TE on HTTP/1.0": head(TE, "POST /v1/track HTTP/1.0") + CHUNKS,
    "HTTP/0.9": b"GET /v1/track\r\n",
    "HTTP/1.2": head("", "GET /v1/track HTTP/1.2"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version in small letters": head("", "GET /v1/track http/1.1"),
    "two versions": head("", "GET /v1/track HTTP/1.1 HTTP/1.1"),
    "line feed alone in the request line": b"GET /v1/track HTTP/1.1\nHost: a\r\n\r\n",
    "line feeds alone": b"GET /v1/track HTTP/1.1\nHost: a\n\n",
    "carriage returns alone": b"GET /v1/track HTTP/1.1\rHost: a\r\r",
    "line feed alone at the end of the head": b"GET /v1/track HTTP/1.1\r\nHost: a\r\n\n",
    "two empty lines before": b"\r\n\r\nGET /v1/track HTTP/1.1\r\nHost: a\r\n\r\n",
    "line feed before": b"\nGET /v1/track HTTP/1.1\r\nHost: a\r\n\r\n",
    "space before": b" GET /v1/track HTTP/1.1\r\nHost: a\r\n\r\n",
    "tabs in the request line": b"GET\t/v1/track\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces in the request line": b"GET  /v1/track HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in the target": b"GET /v1/tr\0ack HTTP/1.1\r\nHost: a\r\n\r\n",
    "a request in the target": b"GET /v1/track%0d%0aHost:%20b HTTP/1.1\r\nHost: a\r\n\r\n",
    "space behind the request line": b"GET /v1/track HTTP/1.1 \r\nHost: a\r\n\r\n",
    "folded first field": b"GET /v1/track HTTP/1.1\r\n Host: a\r\n\r\n",
    "folded field": head("X: y\r\n z: 1\r\n", "GET /v1/track HTTP/1.1"),
    "two hosts": head("Host: b\r\n", "GET /v1/track HTTP/1.1"),
    "no host": b"GET /v1/track HTTP/1.1\r\n\r\n",
    "host with a blank": b"GET /v1/track HTTP/1.1\r\nHost: a b\r\n\r\n",
    "host with a port that is none": b"GET /v1/track HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "absolute target without a host": head("", "GET http:///v1/track HTTP/1.1"),
    "absolute target with a user": head("", "GET http://a@b/v1/track HTTP/1.1"),
    "absolute target of another host": head("", "GET http://b/v1/track HTTP/1.1"),
    "absolute target of another port": head("", "GET http://a:81/v1/track HTTP/1.1"),
    "host with a user": b"GET /v1/track HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "space before a colon": b"GET /v1/track HTTP/1.1\r\nHost : a\r\n\r\n",
    "length with a space before its colon": head("Content-Length : 5\r\n") + b"hello",
    "length with a space before its name": head("X: y\r\n Content-Length: 5\r\n") + b"hello",
    "CONNECT": head("", "CONNECT a:443 HTTP/1.1"),
    "TRACE": head("", "TRACE / HTTP/1.1"),
    "method of another protocol": head("", "PROPFIND / HTTP/1.1"),
    "method that nobody knows": head("Content-Length: 5\r\n", "SMUGGLE / HTTP/1.1") + b"hello",
    "method in small letters": head("", "get / HTTP/1.1"),
    "unknown expectation": head("Expect: x\r\nContent-Length: 5\r\n") + b"hello",
    "coding and length in an upgrade": head("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n" + TE) + CHUNKS,
}

# Must be answered with an error and the connection must end: nobody can say where the next request begins.
REFUSED = {
    **{f"length: {name}": with_length(value) for name, value in LENGTHS.items()},
    **{f"coding: {name}": with_coding(fields) for name, fields in CODINGS.items() if fields},
    **{f"chunks: {name}": with_chunks(body) for name, body in CHUNKED.items()},
    **WHOLE,
}


def contained(inner):
    """Forms that are odd but clear: `inner`, a whole request, is the body of another, or none of its business. Each is one request."""
    size = len(inner)
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (size, inner)
    return {
        "GET with a body": head(f"Content-Length: {size}\r\n", "GET /v1/track HTTP/1.1") + inner,
        "HEAD with a body": head(f"Content-Length: {size}\r\n", "HEAD /v1/track HTTP/1.1") + inner,
        "OPTIONS with a body": head(f"Content-Length: {size}\r\n", "OPTIONS /nothing HTTP/1.1") + inner,
        "DELETE with a body": head(f"Content-Length: {size}\r\n", "DELETE /nothing HTTP/1.1") + inner,
        "GET with chunks": head(TE, "GET /v1/track HTTP/1.1") + chunk,
        "CL.0: a path that takes no body": head(f"Content-Length: {size}\r\n", "POST /nothing HTTP/1.1") + inner,
        "length with zeros before": head(f"Content-Length: 000{size}\r\n") + inner,
        "length with blanks around": head(f"Content-Length:  {size}  \r\n") + inner,
        "length that is said to be of the connection": head(f"Connection: Content-Length\r\nContent-Length: {size}\r\n") + inner,
        "coding with an underscore": head(f"Transfer_Encoding: chunked\r\nContent-Length: {size}\r\n") + inner,
        "length with an underscore": head(f"Content_Length: 0\r\nContent-Length: {size}\r\n") + inner,
        "coding in capitals": head("TRANSFER-ENCODING: CHUNKED\r\n") + chunk,
        "coding behind a tab": head("Transfer-Encoding:\tchunked\r\n") + chunk,
        "chunk with an extension": head(TE) + b"%x;a=b\r\n%s\r\n0;c\r\n\r\n" % (size, inner),
        "chunk size in capitals with zeros": head(TE) + b"00%X\r\n%s\r\n000\r\n\r\n" % (size, inner),
        "trailer": head(TE) + b"%x\r\n%s\r\n0\r\nX: y\r\n\r\n" % (size, inner),
        "upgrade that nobody takes": head(f"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: {size}\r\n") + inner,
        "another method by a field": head(f"X-HTTP-Method-Override: GET\r\nContent-Length: {size}\r\n") + inner,
        "an absolute target": head(f"Content-Length: {size}\r\n", "POST http://A/v1/track HTTP/1.1") + inner,
    }
