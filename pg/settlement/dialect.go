package settlement

import (
	"encoding/csv"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// stateColumns are the columns of a PAYMENT_STATE_CSV file, in their order.
var stateColumns = [6]string{"orderId", "paymentKey", "totalAmount", "paymentState", "taxFreeAmount", "installMonth"}

// stateHeader is the header as rejections write it.
func stateHeader() string { return strings.Join(stateColumns[:], ",") }

// wonColumns are the places of the amounts.
var wonColumns = [...]int{2, 4}

// A dialect is how a program wrote the table: what stands between the fields, and
// which columns without a meaning stand around the six.
type dialect struct {
	separator rune
	// numbered says that the rows' numbers stand in front, as data frames are saved.
	numbered bool
	// unheaded says that they do so without a cell in the header: then they must rise.
	unheaded bool
	last     int64 // the number of the row before
	begun    bool  // a row was read
	// width is the most fields that a line had: a last line that has fewer was cut.
	width int
}

// dialectHead reads the lines before the rows.
type dialectHead struct {
	separator rune // as a line "sep=;" names it; zero when there is none
	typed     bool
}

// separators are what programs put between fields.
const separators = ",;\t|"

// take reads a line. It returns nil for one that may stand before the header, and a
// *Rejection for one that is neither that nor the header.
func (h *dialectHead) take(line string, number int) (*dialect, error) {
	if number == 1 {
		line = strings.TrimLeft(line, "\ufeff") // programs that add a mark to a file that has one
	}
	switch named, isSeparator := namedSeparator(line); {
	case strings.Trim(line, separators+` "`) == "":
		return nil, nil
	case isSeparator && h.separator == 0:
		h.separator = named
		return nil, nil
	case strings.HasPrefix(line, "#TYPE ") && !h.typed: // PowerShell names the rows' type
		h.typed = true
		return nil, nil
	}
	for _, separator := range separators {
		if h.separator != 0 && separator != h.separator {
			continue
		}
		if d := dialectOf(line, separator); d != nil {
			return d, nil
		}
	}
	return nil, reject(number, "the header must be exactly %s", stateHeader())
}

// namedSeparator reads the line by which Excel is told the separator: sep=;
func namedSeparator(line string) (rune, bool) {
	text := strings.ToLower(line)
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	name, ok := strings.CutPrefix(text, "sep=")
	if !ok || len(name) != 1 || !strings.Contains(separators, name) {
		return 0, false
	}
	return rune(name[0]), true
}

// dialectOf reads a header that is written with a separator. It returns nil when the
// line is none.
func dialectOf(line string, separator rune) *dialect {
	fields, err := splitRecord(line, separator)
	if err != nil {
		return nil
	}
	d := &dialect{separator: separator, width: len(fields)}
	names := fields
	for len(names) > len(stateColumns) && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	if len(names) == len(stateColumns)+1 && isNumberColumn(names[0]) {
		d.numbered, names = true, names[1:]
	}
	if !slices.Equal(names, stateColumns[:]) {
		return nil
	}
	return d
}

// isNumberColumn reports whether a first column of the name holds the rows' numbers:
// pandas and R give it none, and pandas names what it read so.
func isNumberColumn(name string) bool { return name == "" || name == "index" || name == "Unnamed: 0" }

// errCutRow says that a last line without an end lacks fields that all others have.
var errCutRow = errors.New("the row has fewer fields than those before")

// record returns the six fields of a line, or nil for a line that is empty.
func (d *dialect) record(line string, ended bool) ([]string, error) {
	if strings.TrimSpace(line) == "" {
		return nil, nil
	}
	fields, err := splitRecord(line, d.separator)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(fields, func(field string) bool { return field != "" }) {
		return nil, nil
	}
	if !d.begun {
		d.begin(fields)
	}
	if !ended && len(fields) < d.width {
		return nil, errCutRow
	}
	d.width = max(d.width, len(fields))
	if d.numbered {
		if err := d.number(fields[0]); err != nil {
			return nil, err
		}
		fields = fields[1:]
	}
	for len(fields) > len(stateColumns) && fields[len(fields)-1] == "" {
		fields = fields[:len(fields)-1]
	}
	if len(fields) == len(stateColumns) {
		for _, i := range wonColumns {
			fields[i] = d.ungrouped(fields[i])
		}
	}
	return fields, nil
}

// begin finds out by the first row whether it has a number that the header has no
// cell for, as R's write.table writes it.
func (d *dialect) begin(fields []string) {
	d.begun = true
	if d.numbered || d.width != len(stateColumns) || len(fields) != d.width+1 || fields[d.width] == "" {
		return
	}
	if _, err := rowNumber(fields[0]); err == nil {
		d.numbered, d.unheaded = true, true
	}
}

// errNotNumbered says that the column in front holds something else than numbers.
var errNotNumbered = errors.New("the first column does not number the rows")

// number reads the number of a row.
func (d *dialect) number(text string) error {
	n, err := rowNumber(text)
	if err != nil || (d.unheaded && n <= d.last) {
		return errNotNumbered
	}
	d.last = n
	return nil
}

func rowNumber(text string) (int64, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, errNotNumbered
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errNotNumbered
	}
	return n, nil
}

// grouped is an amount in groups of three digits.
var grouped = regexp.MustCompile(`^[1-9]\d{0,2}(?:,\d{3})+$`)

// ungrouped takes the commas out of an amount that surely is a whole one. Where the
// separator is no comma, one comma may stand before decimals.
func (d *dialect) ungrouped(amount string) string {
	if commas := strings.Count(amount, ","); commas == 0 || (commas == 1 && d.separator != ',') {
		return amount
	}
	if !grouped.MatchString(amount) {
		return amount
	}
	return strings.ReplaceAll(amount, ",", "")
}

// splitRecord reads one line as one record.
func splitRecord(line string, separator rune) ([]string, error) {
	if !strings.ContainsRune(line, '"') {
		return strings.Split(line, string(separator)), nil
	}
	reader := csv.NewReader(strings.NewReader(line))
	reader.Comma, reader.FieldsPerRecord = separator, -1
	record, err := reader.Read()
	if err != nil {
		return nil, errors.New("a quote is out of place or left open")
	}
	if _, err := reader.Read(); !errors.Is(err, io.EOF) {
		return nil, errors.New("a line end stands inside the row")
	}
	return record, nil
}
