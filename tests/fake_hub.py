"""A model hub for tests: repositories are made, files come in by commit and large-file upload, and go out again.

It speaks as much of the hub's HTTP interface as `huggingface_hub` needs to upload a folder and to download a snapshot.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeHub(ThreadingHTTPServer):
    """A hub on a free port of this machine; `files` are by repository and path, `requests` all that was asked for."""

    daemon_threads = True

    def __init__(self, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token = token
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.files: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def commit_id(self, repository: str) -> str:
        return hashlib.sha1(repr(sorted(self.files[repository].items())).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def log_message(self, *args) -> None:
        pass

    def _answer(self, value, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(value, bytes) else "application/json"
        for key, text in ({"Content-Type": kind, "Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(key, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _missing(self, kind: str) -> None:
        self._answer({"error": "not found"}, 404, {"X-Error-Code": kind, "X-Error-Message": "not found"})

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix("/")
        self.server.requests.append(f"{self.command} /{path}")
        if path.startswith("api/models/"):
            owner, name, what, revision = [*path.removeprefix("api/models/").split("/"), "revision", "main"][:4]
            repository = f"{owner}/{name}"
            if not self._seen(repository):
                return self._missing("RepoNotFound")
            commit = self.server.commit_id(repository)
            if revision not in ("main", commit):
                return self._missing("RevisionNotFound")
            files = self.server.files[repository]
            if what == "revision":
                siblings = [{"rfilename": name} for name in files]
                return self._answer({"id": repository, "sha": commit, "siblings": siblings})
            found = [
                {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for name, data in files.items()
            ]
            return self._answer(found)
        repository, _, rest = path.partition("/resolve/")
        if not self._seen(repository):
            return self._missing("RepoNotFound")
        data = self.server.files[repository].get(rest.partition("/")[2])
        if data is None:
            return self._missing("EntryNotFound")
        commit, tag = self.server.commit_id(repository), hashlib.sha1(data).hexdigest()
        return self._answer(data, 200, {"X-Repo-Commit": commit, "ETag": f'"{tag}"'})

    do_HEAD = do_GET

    def _seen(self, repository: str) -> bool:
        """A private repository is there for those only who show the token."""
        return repository in self.server.files and (not self.server.private[repository] or self._known())

    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.server.token}"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def do_PUT(self) -> None:
        self.server.requests.append(f"PUT {self.path}")
        data = self._body()
        assert hashlib.sha256(data).hexdigest() == self.path.rpartition("/")[2]
        self.server.large[self.path.rpartition("/")[2]] = data
        self._answer(b"")

    def do_POST(self) -> None:
        body, path = self._body(), self.path.partition("?")[0]
        self.server.requests.append(f"POST {path}")
        if path == "/api/validate-yaml":
            return self._answer({"errors": [], "warnings": []})
        if not self._known():
            return self._answer({"error": "Invalid username or password."}, 401)
        if path == "/api/repos/create":
            wanted = json.loads(body)
            repository = f"{wanted['organization']}/{wanted['name']}"
            if repository in self.server.files:
                taken = {"error": "You already created this model repo", "url": f"{self.server.address}/{repository}"}
                return self._answer(taken, 409)
            self.server.files[repository] = {}
            self.server.private[repository] = wanted.get("visibility") == "private"
            return self._answer({"url": f"{self.server.address}/{repository}", "id": repository})
        if path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            for item in objects:
                item["actions"] = {"upload": {"href": f"{self.server.address}/large/{item['oid']}"}}
            return self._answer({"transfer": "basic", "objects": objects})
        repository = "/".join(path.removeprefix("/api/models/").split("/")[:2])
        if "/preupload/" in path:
            # as on the hub: text goes into the commit, binary files are uploaded beside it
            text = (".json", ".md")
            files = [
                {
                    "path": file["path"],
                    "uploadMode": "regular" if file["path"].endswith(text) else "lfs",
                    "shouldIgnore": False,
                }
                for file in json.loads(body)["files"]
            ]
            return self._answer({"files": files})
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                self.server.files[repository][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                self.server.files[repository][value["path"]] = self.server.large[value["oid"]]
        commit = self.server.commit_id(repository)
        address = f"{self.server.address}/{repository}/commit/{commit}"
        return self._answer({"success": True, "commitOid": commit, "commitUrl": address})
