"""The Modbus TCP master on the board against a real server, and against everything that goes wrong on a wire."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from meter_server import Iem3000Server

_SCRIPT = """
import asyncio, json
from meters.modbus import ModbusError, ModbusTcp
async def run():
    meter = ModbusTcp("127.0.0.1", %d, %d, timeout_ms=%d)
    for question in json.loads(%r):
        try:
            data = await meter.read(*question)
            print(json.dumps(["ok", [data[k] << 8 | data[k + 1] for k in range(0, len(data), 2)]]))
        except ModbusError as error:
            print(json.dumps(["modbus", str(error), error.code]))
        except OSError as error:
            print(json.dumps(["os", str(error)]))
    meter.close()
asyncio.run(run())
"""

Run = Callable[..., str]
Reply = Callable[[bytes], list[bytes]]


def ask(run: Run, port: int, questions: list[tuple[int, int, int]], unit: int = 1, timeout_ms: int = 300) -> list[list[Any]]:
    """Outcome of each question (function, address, count) put one after the other."""
    out = run(_SCRIPT % (port, unit, timeout_ms, json.dumps(questions)))
    return [json.loads(line) for line in out.splitlines()]


class Scripted:
    """A server that answers every frame with what ``reply`` makes of it: a list of pieces, sent one by one; None ends the connection."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while frame := connection.recv(260):
                pieces = self.reply(frame)
                if not pieces:
                    return
                for piece in pieces:
                    connection.sendall(piece)
                    threading.Event().wait(0.005)
        except OSError:
            pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def scripted() -> Iterator[Callable[[Reply], Scripted]]:
    made: list[Scripted] = []

    def make(reply: Reply) -> Scripted:
        made.append(Scripted(reply))
        return made[-1]

    yield make
    for server in made:
        server.close()


def answer(
    frame: bytes, words: list[int], *, transaction: int | None = None, unit: int | None = None, function: int | None = None
) -> bytes:
    """A well-formed answer to a question's frame, or one with a part exchanged."""
    asked, _, _, to, code = struct.unpack(">HHHBB", frame[:8])
    pdu = struct.pack(">BB", code if function is None else function, 2 * len(words)) + struct.pack(f">{len(words)}H", *words)
    head = struct.pack(">HHHB", asked if transaction is None else transaction, 0, len(pdu) + 1, to if unit is None else unit)
    return head + pdu


def test_registers_of_a_real_server(run_on_board: Run) -> None:
    meter = Iem3000Server()
    meter.set(p_kw=1.0, ea_imp_wh=0x0001_0002_0003_0004)
    results = ask(run_on_board, meter.port, [(3, 0x0BF3, 2), (3, 0x0C83, 4), (3, 0x0BB7, 112)])
    meter.close()
    assert results[:2] == [["ok", [0x3F80, 0]], ["ok", [1, 2, 3, 4]]]
    assert len(results[2][1]) == 112
    assert results[2][1][0x0BF3 - 0x0BB7] == 0x3F80


def test_exceptions_have_their_code_and_keep_the_connection(run_on_board: Run) -> None:
    meter = Iem3000Server()
    meter.set(p_kw=1.0, ea_imp_wh=1)
    results = ask(run_on_board, meter.port, [(3, 0x0001, 2), (3, 0x0BF3, 2)])
    meter.close()
    assert results == [["modbus", "exception 2 (illegal data address)", 2], ["ok", [0x3F80, 0]]]


def test_an_answer_in_pieces(run_on_board: Run, scripted: Callable[[Reply], Scripted]) -> None:
    server = scripted(lambda frame: [bytes([b]) for b in answer(frame, [7, 8])])
    assert ask(run_on_board, server.port, [(4, 0, 2), (4, 0, 2)]) == [["ok", [7, 8]]] * 2
    assert server.connections == 1


def test_a_question_has_the_standard_form(run_on_board: Run, scripted: Callable[[Reply], Scripted]) -> None:
    frames: list[bytes] = []

    def reply(frame: bytes) -> list[bytes]:
        frames.append(frame)
        return [answer(frame, [0])]

    ask(run_on_board, scripted(reply).port, [(3, 0x0BF3, 1), (4, 0x0034, 1)], unit=17)
    assert frames == [bytes.fromhex("000100000006110 30BF30001".replace(" ", "")), bytes.fromhex("000200000006110400340001")]


def test_an_answer_to_an_older_question_is_passed_over(run_on_board: Run, scripted: Callable[[Reply], Scripted]) -> None:
    def reply(frame: bytes) -> list[bytes]:
        asked = struct.unpack(">H", frame[:2])[0]
        return [answer(frame, [0xDEAD], transaction=asked - 1), answer(frame, [5])]

    assert ask(run_on_board, scripted(reply).port, [(3, 0, 1), (3, 0, 1)]) == [["ok", [5]]] * 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"unit": 9}, "unit 9 answered a question to unit 1"),
        ({"function": 4}, "does not fit function 3 with 1 registers"),
        ({"words": [1, 2]}, "does not fit function 3 with 1 registers"),
    ],
)
def test_a_wrong_answer_is_refused_and_the_connection_dropped(
    run_on_board: Run, scripted: Callable[[Reply], Scripted], change: dict[str, Any], complaint: str
) -> None:
    asked = 0

    def reply(frame: bytes) -> list[bytes]:
        nonlocal asked
        asked += 1
        return [answer(frame, **{"words": [1], **change})] if asked == 1 else [answer(frame, [2])]

    server = scripted(reply)
    first, second = ask(run_on_board, server.port, [(3, 0, 1), (3, 0, 1)])
    assert first[0] == "modbus"
    assert complaint in first[1]
    assert second == ["ok", [2]]
    assert server.connections == 2


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x01\x00\x00\xff\xff\x01"])
def test_something_that_is_no_modbus(run_on_board: Run, scripted: Callable[[Reply], Scripted], garbage: bytes) -> None:
    ((kind, text, code),) = ask(run_on_board, scripted(lambda frame: [garbage]).port, [(3, 0, 1)])
    assert (kind, code) == ("modbus", 0)
    assert "no Modbus TCP frame" in text


def test_silence_ends_and_a_late_answer_is_not_taken_for_the_next(run_on_board: Run, scripted: Callable[[Reply], Scripted]) -> None:
    asked = 0

    def reply(frame: bytes) -> list[bytes]:
        nonlocal asked
        asked += 1
        if asked == 1:
            threading.Event().wait(0.2)
            return [answer(frame, [0xDEAD])]
        return [answer(frame, [3])]

    server = scripted(reply)
    first, second, third = ask(run_on_board, server.port, [(3, 0, 1), (3, 0, 1), (3, 0, 1)], timeout_ms=120)
    assert first == ["os", "no answer within 120 ms"]
    assert {second[0], third[0]} <= {"ok", "os"}
    assert ["ok", [0xDEAD]] not in (second, third)
    assert third == ["ok", [3]]


def test_a_closed_connection_and_a_closed_port(run_on_board: Run, scripted: Callable[[Reply], Scripted]) -> None:
    assert ask(run_on_board, scripted(lambda frame: []).port, [(3, 0, 1)]) == [["os", "the meter closed the connection"]]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert ask(run_on_board, port, [(3, 0, 1)])[0][0] == "os"


def test_transaction_numbers_wrap(run_on_board: Run, scripted: Callable[[Reply], Scripted]) -> None:
    server = scripted(lambda frame: [answer(frame, [struct.unpack(">H", frame[:2])[0]])])
    script = _SCRIPT.replace("    for question", "    meter._transaction = 65534\n    for question")
    out = run_on_board(script % (server.port, 1, 300, json.dumps([(3, 0, 1)] * 3)))
    assert [json.loads(line)[1] for line in out.splitlines()] == [[65535], [0], [1]]


def test_a_silent_meter_does_not_block_the_loop(run_on_board: Run) -> None:
    """While one meter keeps everybody waiting for 300 ms, another task runs on; each step of the loop stays short of that by far."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code = (
            "import asyncio, time\n"
            "from meters.modbus import ModbusTcp\n"
            "turns = 0\n"
            "async def count():\n"
            "    global turns\n"
            "    while True:\n"
            "        turns += 1\n"
            "        await asyncio.sleep_ms(1)\n"
            "async def run():\n"
            "    task = asyncio.create_task(count())\n"
            "    try:\n"
            "        await ModbusTcp('127.0.0.1', %d, 1, timeout_ms=300).read(3, 0, 1)\n"
            "    except OSError as error:\n"
            "        print(error)\n"
            "    print(turns)\n"
            "asyncio.run(run())\n"
        )
        text, turns = run_on_board(code % listener.getsockname()[1]).splitlines()
    assert text == "no answer within 300 ms"
    assert int(turns) > 30
