package shop

// A PaymentMethod is a way to pay.
type PaymentMethod string

// The ways to pay.
const (
	PaymentMethodCard           PaymentMethod = "CARD"
	PaymentMethodVirtualAccount PaymentMethod = "VIRTUAL_ACCOUNT"
	PaymentMethodTransfer       PaymentMethod = "TRANSFER"
	PaymentMethodMobilePhone    PaymentMethod = "MOBILE_PHONE"
	PaymentMethodMoney          PaymentMethod = "MONEY" // what the shopper keeps at Kakao Pay
)

// PaymentMethods lists every PaymentMethod.
func PaymentMethods() []PaymentMethod {
	return []PaymentMethod{
		PaymentMethodCard, PaymentMethodVirtualAccount, PaymentMethodTransfer, PaymentMethodMobilePhone, PaymentMethodMoney,
	}
}

// PGs lists every PG, in the order in which shoppers are shown them.
func PGs() []PG { return []PG{PGKakao, PGToss} }

// Methods are the ways to pay that the gateway knows, in the order in which shoppers are shown them.
func (g PG) Methods() []PaymentMethod {
	if g == PGKakao {
		return []PaymentMethod{PaymentMethodMoney, PaymentMethodCard}
	}
	return []PaymentMethod{
		PaymentMethodCard, PaymentMethodTransfer, PaymentMethodVirtualAccount, PaymentMethodMobilePhone,
	}
}
