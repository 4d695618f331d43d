package shop

// banks are the names of banks by the codes of the Korea Financial Telecommunications and Clearings
// Institute, the leading zero of three digits left out, and by those that Toss has besides.
var banks = map[string]string{
	"02": "KDB산업은행", "03": "IBK기업은행", "04": "KB국민은행", "06": "KB국민은행", "07": "Sh수협은행", "11": "NH농협은행",
	"12": "지역농축협", "20": "우리은행", "23": "SC제일은행", "27": "한국씨티은행", "31": "iM뱅크", "32": "부산은행", "34": "광주은행",
	"35": "제주은행", "37": "전북은행", "39": "경남은행", "45": "새마을금고", "48": "신협", "50": "저축은행", "54": "HSBC",
	"55": "도이치은행", "57": "JP모간체이스은행", "60": "뱅크오브아메리카", "61": "BNP파리바은행", "62": "중국공상은행", "63": "중국은행",
	"64": "산림조합", "67": "중국건설은행", "71": "우체국", "81": "하나은행", "88": "신한은행", "89": "케이뱅크", "90": "카카오뱅크",
	"92": "토스뱅크",
}

// BankName is a bank's name by its code of two or three digits, and the code where it is not known.
func BankName(code string) string {
	short := code
	if len(code) == 3 && code[0] == '0' {
		short = code[1:]
	}
	if name, ok := banks[short]; ok {
		return name
	}
	return code
}
