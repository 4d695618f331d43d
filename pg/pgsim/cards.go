package pgsim

import "strings"

// Card numbers that behave.
const (
	cardDeclined  = "4000000000000002" // refused at approval
	cardSilent    = "4000000000000119" // approved, and the answer never comes
	cardMisstated = "4000000000000341" // approved, and another amount is answered
	cardUsual     = "4330123456781234"
)

// card is what a shopper paid with. The zero card is none.
type card struct {
	number   string // digits
	months   int    // 0 is at once
	approval string
}

func (c card) declined() bool  { return c.number == cardDeclined }
func (c card) silent() bool    { return c.number == cardSilent }
func (c card) misstated() bool { return c.number == cardMisstated }

// masked is the number as Toss shows it.
func (c card) masked() string {
	end := len(c.number) - 1
	return c.number[:8] + strings.Repeat("*", end-11) + c.number[end-3:end] + "*"
}

// corporation is a card company, with its code at Toss and at Kakao.
type corporation struct{ name, toss, kakao string }

func (c card) corporation() corporation {
	switch c.number[0] {
	case '4':
		return corporation{"신한카드", "41", "366"}
	case '5':
		return corporation{"KB국민카드", "11", "381"}
	case '9':
		return corporation{"비씨카드", "31", "104"}
	}
	return corporation{"롯데카드", "71", "368"}
}

// readCard checks what a shopper typed. Installments are for 50,000 won or more.
func readCard(number string, months int, total int64, approval string) (card, *refusal) {
	number = strings.NewReplacer(" ", "", "-", "").Replace(number)
	if number == "" {
		number = cardUsual
	}
	if len(number) < 14 || len(number) > 19 || strings.Trim(number, digits) != "" {
		return card{}, badField("cardNumber", "must have 14 to 19 digits")
	}
	if months == 1 || months < 0 || months > 12 {
		return card{}, badField("installmentMonths", "must be 0 or from 2 to 12")
	}
	if months > 0 && total < 50_000 {
		return card{}, badField("installmentMonths", "is for 50,000 won or more")
	}
	return card{number: number, months: months, approval: approval}, nil
}
