/* `node --require parent_watchdog.cjs …` ends the process when its standard input ends; parent_watchdog.py says why. */
"use strict";

for (const over of ["end", "error"]) {
  process.stdin.on(over, () => process.kill(process.pid, "SIGTERM"));
}
process.stdin.resume();
// Watching must not keep a process alive that has nothing else left to do.
process.stdin.unref();
