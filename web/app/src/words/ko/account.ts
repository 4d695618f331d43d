export default {
  title: '내 계정',
}
