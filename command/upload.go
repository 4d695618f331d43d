package command

import "io"

// An Upload is a file that a client sent. It is read once, from the start.
type Upload struct {
	Name string
	Body io.Reader
}
