"""Two uploaders with the conditions that the templates deploy: each reads, lists and writes its own files.

The requests are sent as they are written here, since the SDKs would not send some of them.
"""

import http.client
import re
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from localcloud import persons
from localcloud.credentials import Principal
from localcloud.home import Home

from scripts.assigned_roles import name_of
from tests.integration.roles.assignments import case_here, of_kind
from tests.integration.roles.stage import Stage
from touchdown.local.deploying import outputs

pytestmark = pytest.mark.integration

STORAGE = "https://storage.azure.com/.default"
OF_CASE = {
    "team-a": "aaaaaaaa-0000-0000-0000-000000000002",
    "team-b": "aaaaaaaa-0000-0000-0000-000000000003",
}
"""Who has which principal id in the case "uploaders": A has sales- and sales_, and B has iris*?_."""
OF_A, OF_B = ("datasets/sales-", "datasets/sales_"), ("datasets/iris*?_",)
A, A_TOO, B = "datasets/sales-1.csv", "datasets/sales_1.csv", "datasets/iris*?_1.csv"
BODY = b"a,b\n1,2\n"
BLOCKS = {"x-ms-blob-type": "BlockBlob"}


@dataclass(frozen=True)
class Team:
    """Sends requests to storage as somebody. token: "" for none. place: the path of the container."""

    home: Home
    token: str
    host: str
    place: str
    kept: list[http.client.HTTPSConnection] = field(default_factory=list)

    def __call__(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers of an answer. path: what follows the container, as it is sent."""
        connection = self._connection()
        sent = {"x-ms-version": "2023-11-03", **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        connection.request(method, f"{self.place}{path}", body, sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}

    def _connection(self) -> http.client.HTTPSConnection:
        if not self.kept:
            proxy = urlsplit(str(self.home.proxy))
            context = ssl.create_default_context(cafile=str(self.home.ca_bundle))
            made = http.client.HTTPSConnection(str(proxy.hostname), proxy.port, context=context)
            made.set_tunnel(self.host, 443)
            self.kept.append(made)
        return self.kept[0]

    def url(self, name: str) -> str:
        return f"https://{self.host}{self.place}/{quote(name)}"

    def listed(self, query: str) -> tuple[int, list[str]]:
        """The status of a list, and the names in it."""
        status, text, _ = self("GET", f"?restype=container&comp=list{query}")
        return status, re.findall(r"<Name>([^<]*)</Name>", text)


def team(home: Home, credential: Principal) -> Team:
    values = outputs(home)
    host = str(urlsplit(values["STORAGE_URL"]).hostname)
    return Team(home, credential.get_token(STORAGE).token, host, f"/{values['CONTAINER']}")


@pytest.fixture(scope="module")
def teams(stage: Stage) -> Iterator[tuple[Team, Team]]:
    """A and B, with what the templates assign them."""
    (base,) = [each for each in stage.assignments.all().values() if name_of(each) == "uploadersUpload"]
    wanted = {
        each["properties"]["principalId"]: each["properties"]
        for each in of_kind(case_here("uploaders"))
        if name_of(each) == "uploadersUpload"
    }
    made: list[dict[str, Any]] = []
    for name, id_ in OF_CASE.items():
        person = persons.add_person(stage.home, name, "User")
        own = {
            "principalId": person.object_id,
            "roleDefinitionId": base["properties"]["roleDefinitionId"],
            "condition": wanted[id_]["condition"],
            "conditionVersion": wanted[id_]["conditionVersion"],
        }
        made.append({"id": f"{base['id'].rpartition('/')[0]}/{person.object_id}", "properties": own})
        stage.assignments.put(made[-1])
    a, b = (team(stage.home, Principal(stage.home, name)) for name in OF_CASE)
    for who, name in ((a, A), (a, A_TOO), (b, B)):
        assert who("PUT", f"/{quote(name)}", BODY, BLOCKS)[0] == 201
    yield a, b
    for each in made:
        stage.assignments.delete(each)
    for who in (a, b):
        who.kept[0].close()


def of_others(stage: Stage) -> dict[str, str]:
    """The blobs of the container that are not A's, with their ETags."""
    return {
        each.name: each.etag
        for each in stage.clients.container.list_blobs(include=["metadata", "snapshots"])
        if not each.name.startswith(OF_A)
    }


@pytest.mark.parametrize("who", [0, 1])
@pytest.mark.parametrize("size", [1, 3], ids=["one block", "three blocks"])
def test_an_uploader_copies_and_syncs_as_azcopy_does(teams: tuple[Team, Team], who: int, size: int) -> None:
    """azcopy looks for a blob that it must not overwrite, writes blocks, and reads the length of the result.

    Sources: Azure/azure-storage-azcopy #394 and #790 (HEAD before), #685 (HEAD after). sync lists what is
    there, and compares times.
    """
    team, prefix = teams[who], (OF_A, OF_B)[who][0]
    name = f"{prefix}copied-{size}.csv"
    path = f"/{quote(name)}"
    assert team("HEAD", path)[0] == 404
    blocks = [b64encode(b"%03d" % number).decode() for number in range(size)]
    for each in blocks:
        assert team("PUT", f"{path}?comp=block&blockid={each}", BODY)[0] == 201
    latest = "".join(f"<Latest>{each}</Latest>" for each in blocks)
    of_blocks = f"<?xml version='1.0' encoding='utf-8'?><BlockList>{latest}</BlockList>".encode()
    status, text, _ = team("PUT", f"{path}?comp=blocklist", of_blocks)
    assert status == 201, text
    status, _, headers = team("HEAD", path)
    assert (status, headers["content-length"]) == (200, str(size * len(BODY)))
    for more in ("", "&delimiter=%2F", "&include=metadata"):
        status, names = team.listed(f"&prefix={quote(prefix)}{more}")
        assert status == 200
        assert name in names
        assert all(each.startswith(prefix) for each in names)
    assert team("GET", path)[1] == size * BODY.decode()
    assert team("PUT", f"{path}?comp=metadata", headers={"x-ms-meta-epochs": "5"})[0] == 200
    assert team("PUT", path, BODY, BLOCKS)[0] == 201


WRITES = {
    "overwrite": ("PUT", "", {"x-ms-blob-type": "BlockBlob"}),
    "append blob": ("PUT", "", {"x-ms-blob-type": "AppendBlob"}),
    "block": ("PUT", "?comp=block&blockid=YQ==", {}),
    "block list": ("PUT", "?comp=blocklist", {}),
    "metadata": ("PUT", "?comp=metadata", {"x-ms-meta-min_accuracy": "0"}),
    "properties": ("PUT", "?comp=properties", {"x-ms-blob-content-type": "text/plain"}),
    "lease": ("PUT", "?comp=lease", {"x-ms-lease-action": "acquire", "x-ms-lease-duration": "-1"}),
    "snapshot": ("PUT", "?comp=snapshot", {}),
    "tier": ("PUT", "?comp=tier", {"x-ms-access-tier": "Cool"}),
    "tags": ("PUT", "?comp=tags", {}),
    "undelete": ("PUT", "?comp=undelete", {}),
    "delete": ("DELETE", "", {}),
    "read": ("GET", "", {}),
    "properties read": ("HEAD", "", {}),
    "blocks read": ("GET", "?comp=blocklist&blocklisttype=all", {}),
    "tags read": ("GET", "?comp=tags", {}),
}
PLACES = (
    B,
    "datasets/sales.csv",
    "datasets/Sales-1.csv",
    "app/runs/r/run.json",
    "index/runs/1-r",
    "locks/e",
    "code/pool/requirements.txt",
    "runs/r/0/m/artifacts/model/MLmodel",
    "runs/datasets/sales-1.csv",
)


@pytest.mark.parametrize("call", WRITES)
def test_an_uploader_touches_nothing_that_is_not_its_own(
    stage: Stage, teams: tuple[Team, Team], call: str
) -> None:
    before = of_others(stage)
    method, query, headers = WRITES[call]
    for name in PLACES:
        status, text, _ = teams[0](method, f"/{quote(name)}{query}", BODY, headers)
        assert status == 403, name
        assert method == "HEAD" or "AuthorizationPermissionMismatch" in text
    assert of_others(stage) == before


SPELLINGS = (
    "/datasets/sales-/../{b}",
    "/datasets/sales-/%2e%2e/{b}",
    "/datasets/sales-/..%2F{b}",
    "/datasets/sales-%2F..%2F..%2Fapp/runs/r/run.json",
    "/datasets/sales-%5C..%5C{b}",
    "/datasets/sales-\\..\\{b}",
    "//datasets/sales-/../../app/runs/r/run.json",
    "/./datasets/{b}",
    "/datasets/./{b}",
    "/datasets%2f{b}",
    "/%64atasets/{b}",
    "/datasets/sales-1.csv/../{b}",
    "/datasets/sales-%23/../{b}",
    "/datasets/sales-%3f/../{b}",
    "/datasets/sales-;/../{b}",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_a_path_reaches_the_file_of_another(
    stage: Stage, teams: tuple[Team, Team], spelling: str
) -> None:
    path = spelling.format(b=quote(B.removeprefix("datasets/")))
    before = of_others(stage)
    status, text, _ = teams[0]("PUT", path, b"forged", BLOCKS)
    assert status in (201, 400, 403), text
    assert of_others(stage) == before
    status, text, _ = teams[0]("GET", path)
    assert status < 500
    assert BODY.decode() not in text
    assert teams[1]("GET", f"/{quote(B)}")[1] == BODY.decode()


LISTS = (
    "",
    "&prefix=",
    "&prefix=datasets",
    "&prefix=datasets/",
    "&prefix=datasets/sales",
    "&prefix=datasets/iris*?_".replace("*?", "%2A%3F"),
    "&prefix=%2Fdatasets/sales-",
    "&prefix=datasets/sales-&prefix=",
    "&prefix=&prefix=datasets/sales-",
    "&Prefix=datasets/sales-",
    "&prefix=datasets/sales-&PREFIX=",
    "&prefix[]=datasets/sales-",
    "&prefix=datasets/sales-&marker=datasets/iris",
    "&prefix=datasets/sales-&delimiter=s",
    "&prefix=datasets/sales-&startFrom=app",
    "&prefix=datasets/sales-&include=snapshots,versions,deleted,uncommittedblobs,metadata",
)


@pytest.mark.parametrize("query", LISTS)
def test_a_list_shows_an_uploader_its_own_files_alone(teams: tuple[Team, Team], query: str) -> None:
    status, names = teams[0].listed(query)
    assert status in (200, 400, 403)
    assert [each for each in names if not each.startswith(OF_A)] == []


def test_an_uploader_takes_nothing_of_another_by_a_copy(stage: Stage, teams: tuple[Team, Team]) -> None:
    a = teams[0]
    with_token = {"x-ms-copy-source-authorization": f"Bearer {a.token}"}
    for theirs in (B, "code/pool/requirements.txt"):
        for more in ({}, with_token, {"x-ms-requires-sync": "true"} | with_token):
            status, _, _ = a(
                "PUT", "/datasets/sales-taken.csv", b"", {"x-ms-copy-source": a.url(theirs), **more}
            )
            assert status in (401, 403), (theirs, more)
        # Azurite asks for the bytes of a block itself, and answers a refusal with 500.
        for target in ("?comp=block&blockid=YQ==", ""):
            headers = {"x-ms-copy-source": a.url(theirs), "x-ms-blob-type": "BlockBlob"} | with_token
            status, _, _ = a("PUT", f"/datasets/sales-taken.csv{target}", b"", headers)
            assert status in (401, 403, 500, 501), (theirs, target)
    assert a("HEAD", "/datasets/sales-taken.csv")[0] == 404
    copied, _, _ = a("PUT", "/datasets/sales-own.csv", b"", {"x-ms-copy-source": a.url(A)})
    assert copied == 202
    before = of_others(stage)
    assert a("PUT", f"/{quote(B)}", b"", {"x-ms-copy-source": a.url(A)})[0] == 403
    assert of_others(stage) == before


def test_an_uploader_has_no_right_on_container_and_account(teams: tuple[Team, Team]) -> None:
    a = teams[0]
    for method, path in (
        ("DELETE", "?restype=container"),
        ("PUT", "?restype=container&comp=metadata"),
        ("PUT", "?restype=container&comp=acl"),
        ("PUT", "?restype=container&comp=lease"),
        ("GET", "?restype=container&comp=acl"),
        ("GET", "?restype=container&comp=blobs&where=a%3D'b'"),
        ("HEAD", "?restype=container"),
    ):
        status, text, _ = a(method, path, b"", WRITES["lease"][2])
        assert status in (403, 501), (path, text)
    key = b"<KeyInfo><Start>2026-01-01T00:00:00Z</Start><Expiry>2026-01-02T00:00:00Z</Expiry></KeyInfo>"
    account = Team(a.home, a.token, a.host, "", a.kept)
    status, _, _ = account("POST", "/?restype=service&comp=userdelegationkey", key)
    assert status == 403
