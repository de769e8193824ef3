// Package terminal writes lines for people, and below them, on a terminal, one live line that
// says how far a run is.
//
// It decides whether there is a live line and colour at all: on a terminal only, neither with
// TERM=dumb nor with CI, and no colour with NO_COLOR. It must never lose or change a line that
// somebody writes, nor leave a piece of the live line behind; elsewhere than on a terminal what
// is written passes as it is.
//
//	lines ─▶ Writer ─▶ the file, the live line wiped before them and drawn again below
//
// It knows nothing of runs, and serves any layer.
package terminal
