// Package judge turns what was seen of a cell into an outcome.
//
// It decides: given what the specification wants of a flow before and after a step, all
// observations of it with their times, the state of the live controls in each round, and
// the time when the step was acknowledged, is the cell Pass, Fail or Inconclusive; since
// when is it right; did it flip on the way. Its laws:
//
//   - An error satisfies nothing. An inconclusive observation neither makes nor breaks a
//     verdict.
//   - A positive observation (Connected) carries its own proof. A negative one (Dropped,
//     Refused, Unreachable) counts only with live controls in the same round: the server
//     reached at the same address, port and protocol from its own node, and the client
//     alive. That holds at deny cells and at allow cells alike.
//   - A packet that the receiver reports has got in, whatever the client saw: at a deny
//     cell that is a leak.
//   - A verdict counts when it stayed right for the whole hold window. A cell that is wanted
//     the same before and after a step begins right, and stays so until it is seen wrong.
//   - A cell that is wanted the same before and after a step must not be wrong once during
//     it, from the moment before the first write.
//   - What a cell that changes shows before the ack is nobody's fault.
//   - A cell that was denied as it should be must not let anything through afterwards,
//     unless the step's own actions explain it.
//   - A cell that is late is convicted only by a wrong observation at or after the deadline:
//     who did not look can't say that it was not right by then. A starved machine moves it.
//   - What the API leaves undefined is reported, never judged.
//
// It must never do I/O, read a clock, evaluate a policy or look at more than one cell.
//
// suites/runner feeds it and writes its judgements into reports.
package judge
