package webtest_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/chromedp/chromedp"
)

// A paper is a document in PDF, as browsers of the Chromium family print it.
type paper []byte

// print prints the page.
func (p *page) print() paper {
	p.t.Helper()
	printed, err := chromedp.Run(p.ctx, chromedp.PrintToPDF())
	if err != nil {
		p.t.Fatal(err)
	}
	return printed
}

// pages is how many sheets it takes.
func (p paper) pages() int { return bytes.Count(p, []byte("/Type /Page\n")) }

var (
	pdfObject  = regexp.MustCompile(`(?s)(\d+) 0 obj\s(.*?)endobj`)
	pdfStream  = regexp.MustCompile(`(?s)stream\r?\n(.*)\r?\nendstream`)
	pdfFont    = regexp.MustCompile(`/(F\d+) (\d+) 0 R`)
	pdfMeaning = regexp.MustCompile(`/ToUnicode (\d+) 0 R`)
	pdfShown   = regexp.MustCompile(`/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f]+)>`)
	cmapLines  = regexp.MustCompile(`<(\w{4})> (?:<(\w{4})> )?<(\w{4})>\n`)
)

// text is what is written on it, without spaces: glyphs are told from each other by their fonts alone.
func (p paper) text(t *testing.T) string {
	t.Helper()
	objects := map[string][]byte{}
	for _, found := range pdfObject.FindAllSubmatch(p, -1) {
		objects[string(found[1])] = found[2]
	}
	fonts := map[string]map[string]rune{}
	for _, found := range pdfFont.FindAllSubmatch(p, -1) {
		if meaning := pdfMeaning.FindSubmatch(objects[string(found[2])]); meaning != nil {
			fonts[string(found[1])] = glyphs(t, unpacked(objects[string(meaning[1])]))
		}
	}
	var text strings.Builder
	for _, object := range objects {
		var font map[string]rune
		for _, shown := range pdfShown.FindAllSubmatch(unpacked(object), -1) {
			if name := string(shown[1]); name != "" {
				font = fonts[name]
			}
			for codes := strings.ToUpper(string(shown[2])); font != nil && len(codes) >= 4; codes = codes[4:] {
				text.WriteRune(font[codes[:4]])
			}
		}
	}
	return unspaced(text.String())
}

// glyphs are the characters that the codes of a font stand for.
func glyphs(t *testing.T, cmap []byte) map[string]rune {
	t.Helper()
	meanings := map[string]rune{}
	for _, line := range cmapLines.FindAllSubmatch(cmap, -1) {
		first, last, meaning := hexadecimal(t, line[1]), hexadecimal(t, line[1]), hexadecimal(t, line[3])
		if len(line[2]) > 0 {
			last = hexadecimal(t, line[2])
		}
		for code := first; code <= last; code++ {
			meanings[strings.ToUpper(strconv.FormatInt(code+0x10000, 16)[1:])] = rune(meaning + code - first)
		}
	}
	return meanings
}

func hexadecimal(t *testing.T, digits []byte) int64 {
	t.Helper()
	n, err := strconv.ParseInt(string(digits), 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// unpacked is what an object's stream holds; nothing when it has none.
func unpacked(object []byte) []byte {
	stream := pdfStream.FindSubmatch(object)
	if stream == nil {
		return nil
	}
	reader, err := zlib.NewReader(bytes.NewReader(stream[1]))
	if err != nil {
		return stream[1]
	}
	body, _ := io.ReadAll(reader) // what is after the last block is padding
	return body
}

// unspaced is a text without spaces, which a font may give the meaning of a control character.
func unspaced(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}
