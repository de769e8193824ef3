package scenarios

import (
	"io"
	"strings"

	"github.com/netassay/netassay/enforcer/kernel"
)

// command is what somebody would type.
func command(argv, stdin string) kernel.Command {
	return kernel.Command{Argv: strings.Fields(argv), Stdin: func(w io.Writer) error {
		_, err := io.WriteString(w, stdin)
		return err
	}}
}
