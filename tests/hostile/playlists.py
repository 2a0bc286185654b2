"""Lists and manifests that name other files, addresses and ports, by every name and behind every disguise."""

from collections.abc import Iterator

from tests.hostile.case import Bait, Case, Expect, content

ENDINGS = (
    *(".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".flv", ".ogv", ".wmv"),
    *(".m3u8", ".m3u", ".mpd", ".ism", ".ffconcat", ".sdp", ".jpg", ".png", ".gif", ".webp", ".tif", ".heic"),
)
HEADS = {
    "mp4": b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41",
    "moov": b"\x00\x00\x00\x08moov",
    "mkv": b"\x1a\x45\xdf\xa3\x80",
    "avi": b"RIFF\x00\x00\x00\x00AVI ",
    "ts": (b"\x47\x40\x00\x10" + bytes(184)) * 3,
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "png": b"\x89PNG\r\n\x1a\n",
    "gif": b"GIF89a\x01\x00\x01\x00",
    "webp": b"RIFF\x00\x00\x00\x00WEBP",
}
SUBTITLES = {
    "idx": "# VobSub index file, v7\nid: en\ntimestamp: 00:00:00:000, filepos: 000000000\n",
    "ass": "[Script Info]\n[Fonts]\nfontname: ../../../etc/passwd\n",
    "srt": "1\n00:00:00,000 --> 00:00:09,000\n<img src='{url}'>\n",
}


def cases(bait: Bait) -> Iterator[Case]:
    """Every text by every name, and behind every head."""
    yield from (bait.beside("lists"), bait.beside("polyglots"))
    for kind, text in _texts(bait).items():
        data = text.encode()
        for ending in ENDINGS:
            yield Case(f"lists/{kind}{ending}".encode(), content(data))
        yield Case(f"lists/{kind}".encode(), content(data), Expect.PASSED)
        for head, first in HEADS.items():
            yield Case(f"polyglots/{kind} behind {head}.mp4".encode(), content(first + data))
            yield Case(
                f"polyglots/{kind} after {head}.{head}".encode(), content(first + bytes(4096) + data), _after(head)
            )
    for ending, text in SUBTITLES.items():
        yield Case(f"lists/subtitles.{ending}".encode(), content(text.format(url=bait.url).encode()), Expect.PASSED)


def _after(head: str) -> Expect:
    """`.moov` is no name of media, but its content is."""
    return Expect.EITHER if head in ("ts", "moov") else Expect.REFUSED


def _texts(bait: Bait) -> dict[str, str]:
    url, secret = bait.url, bait.secret
    hls = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n"
    return {
        "hls-http": f"{hls}#EXTINF:3,\n{url}.ts\n#EXT-X-ENDLIST\n",
        "hls-file": f"{hls}#EXTINF:3,\n{secret.as_uri()}\n#EXT-X-ENDLIST\n",
        "hls-path": f"{hls}#EXTINF:3,\n{secret}\n#EXT-X-ENDLIST\n",
        "hls-up": f"{hls}#EXTINF:3,\n../../{secret.parent.name}/{secret.name}\n#EXT-X-ENDLIST\n",
        "hls-key": f'{hls}#EXT-X-KEY:METHOD=AES-128,URI="{url}.key"\n#EXTINF:3,\n{secret}\n#EXT-X-ENDLIST\n',
        "hls-map": f'{hls}#EXT-X-MAP:URI="{url}.mp4"\n#EXTINF:3,\n{secret}\n#EXT-X-ENDLIST\n',
        "hls-master": f'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1"\n{url}.m3u8\n',
        "hls-concat": f"{hls}#EXTINF:3,\nconcat:{secret}|{secret}\n#EXT-X-ENDLIST\n",
        "dash": (
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet>'
            f'<Representation id="1" mimeType="video/mp4"><BaseURL>{url}.mp4</BaseURL></Representation>'
            "</AdaptationSet></Period></MPD>"
        ),
        "dash-file": f"<MPD><Period><BaseURL>{secret.as_uri()}</BaseURL></Period></MPD>",
        "ffconcat-beside": f"ffconcat version 1.0\nfile {bait.BESIDE}\n",
        "ffconcat": f"ffconcat version 1.0\nfile ../../{secret.parent.name}/{secret.name}\n",
        "ffconcat-path": f"ffconcat version 1.0\nfile '{secret}'\n",
        "ffconcat-http": f"ffconcat version 1.0\nfile {url}.mp4\n",
        "ffconcat-honest": "ffconcat version 1.0\nfile ../honest/clip-0.mp4\n",
        "sdp": (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=video {bait.udp_port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        ),
        "smil": f"<smil><body><video src='{url}.mp4'/></body></smil>",
        "asx": f"<asx version='3.0'><entry><ref href='{url}.wmv'/></entry></asx>",
        "pls": f"[playlist]\nFile1={url}.mp4\nNumberOfEntries=1\n",
        "xspf": f'<playlist version="1"><trackList><track><location>{url}</location></track></trackList></playlist>',
        "svg": f'<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="{url}.png"/></svg>',
        "rtsp": f"[Reference]\nRef1=rtsp://127.0.0.1:{bait.http_port}/x\n",
        "udp": f"#EXTM3U\nudp://127.0.0.1:{bait.udp_port}\n",
    }
