package outcome

import "fmt"

// Ending is how the process of an experiment ended.
type Ending struct {
	// Failed is why there was no process, or why nobody knows what became of it.
	Failed string
	// Stopped is why the process was asked to end, "" when it wasn't.
	Stopped string
	// Signal is what killed it, "" when it exited by itself.
	Signal string
	// Code is its exit code, when it did.
	Code int
}

// The exit codes of netassay's commands that end with a verdict.
const (
	passed = 0
	failed = 1
)

// Unfinished is why the experiment did not come to its end, in one line; "" when it did. One
// that was asked to end and had just passed has passed.
func (e Ending) Unfinished() string {
	switch {
	case e.Failed != "":
		return e.Failed
	case e.Stopped != "" && (e.Signal != "" || e.Code != passed):
		return "it was stopped: " + e.Stopped
	case e.Signal == "killed":
		return "its process was killed, as the kernel does when memory runs out"
	case e.Signal != "":
		return "its process was ended by the signal: " + e.Signal
	case e.Code != passed && e.Code != failed:
		return fmt.Sprintf("the run itself failed (exit code %d)", e.Code)
	}
	return ""
}
