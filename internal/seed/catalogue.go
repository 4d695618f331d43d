package seed

import "payment-system/command"

// The categories of the catalogue.
var foods, books, home, devices = "식품", "책", "살림", "디지털"

// catalogue is what dev sells: a small shop in Seoul. Books and unprocessed food are sold without
// value-added tax.
var catalogue = []command.CreateProduct{
	{Name: "제주 한라봉 3kg", Description: "제주 서귀포 농가에서 바로 보내는 당도 13브릭스 이상의 한라봉.", Category: &foods, Price: 32_900, TaxFree: true, Stock: 120},
	{Name: "의성 마늘 1kg", Description: "경북 의성에서 말린 한지형 육쪽마늘.", Category: &foods, Price: 14_500, TaxFree: true, Stock: 200},
	{Name: "철원 오대쌀 10kg", Description: "올해 거둔 강원도 철원 오대쌀.", Category: &foods, Price: 38_000, TaxFree: true, Stock: 150},
	{Name: "영주 부사 사과 5kg", Description: "소백산 기슭에서 자란 아삭한 부사 사과, 14–16과.", Category: &foods, Price: 41_000, TaxFree: true, Stock: 80},
	{Name: "완도 햇다시마 500g", Description: "완도 앞바다에서 말린 국물용 다시마.", Category: &foods, Price: 12_800, TaxFree: true, Stock: 300},
	{Name: "소설 『겨울 정거장』", Description: "눈에 갇힌 간이역의 사흘을 그린 장편소설. 312쪽.", Category: &books, Price: 15_300, TaxFree: true, Stock: 90},
	{Name: "『한국의 나무』 도감", Description: "우리 산과 들의 나무 680종을 사진으로 만나는 도감.", Category: &books, Price: 45_000, TaxFree: true, Stock: 40},
	{Name: "그림책 『달을 빌려 간 토끼』", Description: "네 살부터 함께 읽는 그림책. 양장 40쪽.", Category: &books, Price: 13_500, TaxFree: true, Stock: 110},
	{Name: "전통 한과 선물세트", Description: "강릉 사천에서 빚은 유과와 약과 24구.", Category: &foods, Price: 36_000, Stock: 60},
	{Name: "담양 대나무 젓가락 5벌", Description: "옻칠로 마감한 담양 대나무 젓가락.", Category: &home, Price: 18_000, Stock: 240},
	{Name: "이천 백자 머그", Description: "이천 가마에서 구운 320 ml 백자 머그.", Category: &home, Price: 24_000, Stock: 130},
	{Name: "안성 유기 수저 한 벌", Description: "방짜 유기로 두드려 만든 수저와 받침.", Category: &home, Price: 68_000, Stock: 35},
	{Name: "강화 소창 행주 6장", Description: "강화 직물 공방의 무형광 소창 행주.", Category: &home, Price: 16_900, Stock: 260},
	{Name: "보성 세작 녹차 80g", Description: "곡우 뒤에 딴 보성 세작.", Category: &foods, Price: 27_000, Stock: 140},
	{Name: "핸드드립 원두 500g", Description: "주문 다음 날 볶는 에티오피아 예가체프, 중배전.", Category: &foods, Price: 23_500, Stock: 180},
	{Name: "순면 이불 세트 퀸", Description: "60수 고밀도 순면 이불과 베갯잇 두 장.", Category: &home, Price: 129_000, Stock: 45},
	{Name: "접이식 원목 좌식 책상", Description: "자작나무 합판으로 만든 800 mm 좌식 책상.", Category: &home, Price: 89_000, Stock: 50},
	{Name: "캠핑용 무쇠 그리들 33cm", Description: "인덕션에서도 쓰는 무쇠 그리들과 가방.", Category: &home, Price: 57_000, Stock: 75},
	{Name: "충전식 LED 독서등", Description: "색온도 3단계, 한 번 충전으로 40시간.", Category: &devices, Price: 31_000, Stock: 160},
	{Name: "무선 기계식 키보드", Description: "한글 각인 87키, 저소음 적축.", Category: &devices, Price: 119_000, Stock: 55},
	{Name: "노이즈 캔슬링 헤드폰", Description: "40시간 재생, 접어서 넣는 케이스 포함.", Category: &devices, Price: 289_000, Stock: 30},
	{Name: "스테인리스 텀블러 500ml", Description: "여섯 시간 보온, 열두 시간 보냉.", Category: &home, Price: 26_000, Stock: 400},
	{Name: "손뜨개 울 머플러", Description: "메리노 울 100%, 180 cm.", Category: &home, Price: 54_000, Stock: 70},
	{Name: "스티커 한 장", Description: "가게 고양이 스티커. 가장 싼 물건.", Category: &home, Price: 500, Stock: 10_000},
}
