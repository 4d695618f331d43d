export default {
  title: '장바구니',
}
